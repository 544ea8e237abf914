package io.lockd.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The end of an election, and the cause of an interrupt. */
class ElectTest {
  private static final Duration TTL = Duration.ofSeconds(15);
  private static final String QUEUED = "{\"type\":\"/problems/held\",\"definitive\":true,\"queued\":true,\"position\":1}";
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
  void interruptBetweenTwoAcquiresLeavesTheQueue() {
    LockdClient client = node.client();
    node.answer("acquire", 409, QUEUED);
    interruptAfterTheFirstRequest();
    assertThrows(InterruptedException.class, () -> client.elect("boss", TTL, lease -> {}));
    assertEquals("release boss 0", node.requests.get(node.requests.size() - 1));
  }

  /** Interrupts this thread after the answer that it is queued, when it pauses. */
  private void interruptAfterTheFirstRequest() {
    Thread waiting = Thread.currentThread();
    Thread interrupter = new Thread(() -> {
      while (node.requests.isEmpty() || waiting.getState() != Thread.State.TIMED_WAITING || !sleeps(waiting)) {
        Thread.onSpinWait();
      }
      waiting.interrupt();
    });
    interrupter.setDaemon(true);
    interrupter.start();
  }

  private static boolean sleeps(Thread t) {
    return Arrays.stream(t.getStackTrace()).anyMatch(f -> f.getClassName().endsWith(".Interrupts") && f.getMethodName().equals("sleep"));
  }

  @Test
  void interruptBetweenTwoRequestsLeavesTheQueue() throws InterruptedException {
    LockdClient client = node.client();
    node.answer("acquire", 409, QUEUED);
    interruptAfterTheFirstRequest();
    assertThrows(InterruptedException.class, () -> client.acquire("boss", AcquireOptions.waiting(AcquireOptions.FOREVER)));
    assertEquals("release boss 0", node.requests.get(node.requests.size() - 1));
  }

  private static List<Exception> errors() {
    return List.of(
        new LeaseLostException("another lease", null, null), new UnavailableException("what it works with", null, null),
        new OutcomeUnknownException("of its own", null, null), new HeldException("another lease", null, null),
        new ClosedByInterruptException());
  }

  @Test
  void exceptionOfTheWorkEndsTheElection() {
    for (Exception own : errors()) {
      node.requests.clear();
      assertSame(own, assertThrows(Exception.class, () -> node.client().elect("boss", TTL, lease -> {
        throw own;
      })));
      assertEquals(List.of("acquire boss 0", "release boss 1"), node.requests);
    }
  }

  @Test
  void electionContinuesAfterALossWhateverTheWorkThrows() throws Exception {
    node.answer("renew", 409, "{\"type\":\"/problems/not-holder\",\"lost\":true,\"definitive\":true}");
    for (Exception after : errors()) {
      AtomicInteger led = new AtomicInteger();
      node.client().elect("boss", TTL, lease -> {
        if (led.incrementAndGet() == 1) {
          assertThrows(LeaseLostException.class, lease::renew);
          throw after;
        }
      });
      assertEquals(2, led.get());
      assertFalse(Thread.interrupted());
    }
  }

  @Test
  void finishedWorkIsNotRepeated() throws Exception {
    AtomicInteger done = new AtomicInteger();
    node.client().elect("given-back", TTL, lease -> {
      done.incrementAndGet();
      lease.release();
    });
    node.answer("release", 503, "{\"type\":\"/problems/no-leader\",\"definitive\":true}");
    node.client(Duration.ZERO).elect("boss", TTL, lease -> done.incrementAndGet()); // the release continues in the background
    node.answer("release", 200, "{\"was_held\":false,\"ended\":\"expired\"}");
    assertThrows(LeaseLostException.class, () -> node.client().elect("lost-late", TTL, lease -> done.incrementAndGet()));
    assertEquals(3, done.get());
  }

  @Test
  void interruptedElectionDoesNotAffectAnotherThread() throws InterruptedException {
    LockdClient client = node.client();
    client.acquire("boss");
    Thread.currentThread().interrupt();
    assertThrows(InterruptedException.class, () -> client.elect("boss", TTL, lease -> {}));
    assertEquals("acquire boss 0", String.join(", ", node.requests));
  }

  @Test
  void interruptOfALossIsClearedAfterTheWork() {
    LossInterrupt interrupt = new LossInterrupt();
    interrupt.send();
    assertTrue(Thread.currentThread().isInterrupted());
    interrupt.end();
    assertFalse(Thread.interrupted());
    interrupt.send();
    assertFalse(Thread.interrupted(), "the work has ended");
  }

  @Test
  void otherInterruptIsNotCleared() {
    LossInterrupt unsent = new LossInterrupt();
    Thread.currentThread().interrupt();
    assertFalse(unsent.taken());
    unsent.end();
    assertTrue(Thread.interrupted());
    LossInterrupt thrown = new LossInterrupt();
    thrown.send();
    assertTrue(Thread.interrupted(), "an InterruptedException does the same");
    assertTrue(thrown.taken());
    Thread.currentThread().interrupt();
    thrown.end();
    assertTrue(Thread.interrupted());
  }
}
