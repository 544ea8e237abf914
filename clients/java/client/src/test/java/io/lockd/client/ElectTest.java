package io.lockd.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** How a candidate goes, and whose an interrupt is. */
class ElectTest {
  private static final Duration TTL = Duration.ofSeconds(15);
  private FakeNode node;

  @BeforeEach
  void start() throws IOException {
    node = new FakeNode();
  }

  @AfterEach
  void stop() {
    node.close();
  }

  @Test
  void oneThatIsInterruptedBetweenTwoCampaignsLeavesTheQueue() {
    LockdClient client = node.client();
    assertThrows(InterruptedException.class, () -> client.elect("boss", TTL, lease -> {
      Thread.currentThread().interrupt();
      throw new UnavailableException("what it works with", null, null);
    }));
    assertEquals("release boss 0", node.asked.get(node.asked.size() - 1));
  }

  @Test
  void oneThatIsInterruptedTakesNothingFromAnotherThread() throws InterruptedException {
    LockdClient client = node.client();
    client.acquire("boss");
    Thread.currentThread().interrupt();
    assertThrows(InterruptedException.class, () -> client.elect("boss", TTL, lease -> {}));
    assertEquals("acquire boss 0", String.join(", ", node.asked));
  }

  @Test
  void theInterruptOfALossIsClearedWithTheWork() {
    LossInterrupt interrupt = new LossInterrupt();
    interrupt.send();
    assertTrue(Thread.currentThread().isInterrupted());
    interrupt.end();
    assertFalse(Thread.interrupted());
    interrupt.send();
    assertFalse(Thread.interrupted(), "the work has ended");
  }

  @Test
  void theInterruptOfSomebodyElseIsNot() {
    LossInterrupt unsent = new LossInterrupt();
    Thread.currentThread().interrupt();
    assertFalse(unsent.taken());
    unsent.end();
    assertTrue(Thread.interrupted());
    LossInterrupt thrown = new LossInterrupt();
    thrown.send();
    assertTrue(Thread.interrupted(), "as an InterruptedException does");
    assertTrue(thrown.taken());
    Thread.currentThread().interrupt();
    thrown.end();
    assertTrue(Thread.interrupted());
  }
}
