package io.lockd.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** An acquire that throws releases what it may have acquired. */
class CancelTest {
  private static final Duration PATIENCE = Duration.ofMinutes(1);
  private static final String UNAVAILABLE = "{\"type\":\"/problems/no-leader\",\"definitive\":true}";

  private FakeNode node;

  @BeforeEach
  void start() throws IOException {
    node = new FakeNode();
  }

  @AfterEach
  void stop() {
    node.close();
  }

  /** A call on its own thread. */
  private static final class Call {
    final CompletableFuture<Throwable> ended = new CompletableFuture<>();
    final Thread thread;

    Call(LockdClient client, AcquireOptions options) {
      thread = new Thread(() -> {
        try {
          client.acquire("x", options);
          ended.complete(null);
        } catch (Throwable e) {
          ended.complete(e);
        }
      });
      thread.setDaemon(true);
      thread.start();
    }

    Class<?> end() throws Exception {
      return ended.get(PATIENCE.toSeconds(), TimeUnit.SECONDS).getClass();
    }
  }

  @Test
  void interruptDuringARequestReleasesItsAttempt() throws Exception {
    for (Duration wait : List.of(Duration.ZERO, PATIENCE)) {
      node.requests.clear();
      node.bodies.clear();
      node.block("acquire");
      Call call = new Call(node.client(), AcquireOptions.waiting(wait));
      node.awaitRequest("acquire x 0", 1);
      call.thread.interrupt();
      assertEquals(InterruptedException.class, call.end());
      assertEquals(List.of("acquire x 0", "release x 0"), node.requests);
      String attempt = node.lastBody("acquire x 0").text("attempt");
      assertTrue(attempt.matches("[0-9a-f]{16}"), attempt);
      assertEquals(attempt, node.lastBody("release x 0").text("attempt"));
      assertFalse(node.lastBody("release x 0").has("token"));
    }
  }

  @Test
  void unknownOutcomeIsReleasedAndRepeatsHaveOneAttempt() throws Exception {
    node.answer("acquire", 504, "{}", "{}");
    node.thenAnswer("acquire", 503, UNAVAILABLE);
    LockdClient client = node.client(Duration.ofMillis(300));
    assertThrows(OutcomeUnknownException.class, () -> client.acquire("x"));
    String attempt = node.lastBody("release x 0").text("attempt");
    assertEquals(1, node.count("release x 0"));
    assertTrue(node.count("acquire x 0") > 2, node.requests::toString);
    assertTrue(node.bodies.stream().allMatch(b -> b.text("attempt").equals(attempt)));
    assertThrows(UnavailableException.class, () -> client.acquire("x"));
    assertNotEquals(attempt, node.lastBody("acquire x 0").text("attempt"));
  }

  @Test
  void unknownOutcomeIsReleasedAlsoIfARepeatIsRefused() throws Exception {
    node.answer("acquire", 504, "{}");
    node.thenAnswer("acquire", 409, "{\"type\":\"/problems/held\",\"definitive\":true}");
    assertThrows(HeldException.class, () -> node.client().acquire("x"));
    assertEquals("release x 0", node.requests.get(node.requests.size() - 1));
  }

  @Test
  void certainRefusalReleasesNothing() {
    node.answer("acquire", 409, "{\"type\":\"/problems/held\",\"definitive\":true}");
    assertThrows(HeldException.class, () -> node.client().acquire("x"));
    node.answer("acquire", 503, UNAVAILABLE);
    assertThrows(UnavailableException.class, () -> node.client(Duration.ZERO).acquire("x"));
    assertEquals(0, node.count("release x 0"), node.requests::toString);
  }

  @Test
  void failedReleaseContinuesInTheBackgroundAndTheNextAcquireWaitsForIt() throws Exception {
    node.answer("release", 503, UNAVAILABLE);
    node.answer("acquire", 504, "{}");
    LockdClient client = node.client(Duration.ZERO);
    assertThrows(OutcomeUnknownException.class, () -> client.acquire("x"));
    node.awaitRequest("release x 0", 4);
    assertThrows(UnavailableException.class, () -> client.acquire("x"));
    assertEquals(1, node.count("acquire x 0"), "no acquire is sent before the release is confirmed");
    assertTrue(Thread.getAllStackTraces().keySet().stream().filter(t -> t.getName().startsWith("lockd-")).allMatch(Thread::isDaemon));
    node.answer("acquire", 200);
    Call waiting = new Call(client, AcquireOptions.waiting(PATIENCE));
    node.answer("release", 200, "{}");
    assertEquals(null, waiting.ended.get(PATIENCE.toSeconds(), TimeUnit.SECONDS));
    assertEquals(2, node.count("acquire x 0"));
  }

  @Test
  void reclaimIsRepeatedAfterAnUnknownOutcome() throws Exception {
    node.answer("acquire", 504, "{}");
    node.thenAnswer("acquire", 200, "{\"name\":\"x\",\"token\":7,\"ttl_ms\":15000,\"expires_in_ms\":15000}");
    assertEquals(7, node.client().acquire("x", AcquireOptions.DEFAULT.withReclaim(true)).token());
    assertEquals(1, node.bodies.stream().map(b -> b.text("attempt")).distinct().count());
  }
}
