package io.lockd.client;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.logging.SimpleFormatter;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What the release after the work reports. */
class ReleaseTest {
  private static final String UNAVAILABLE = "{\"type\":\"/problems/no-leader\",\"definitive\":true}";
  private static final Duration TTL = Duration.ofSeconds(15);
  private static final AcquireOptions UNKEPT = AcquireOptions.DEFAULT.withKeep(false);

  private FakeNode node;

  @BeforeEach
  void start() throws IOException {
    node = new FakeNode();
  }

  @AfterEach
  void stop() {
    node.close();
  }

  private Lease lease() throws InterruptedException {
    return node.client().acquire("x", UNKEPT);
  }

  private static String endedBefore(String how) {
    return "{\"was_held\":false" + (how.isEmpty() ? "" : ",\"ended\":\"" + how + "\"") + "}";
  }

  @Test
  void holdThatEndedBeforeItsOnlyReleaseIsLost() throws InterruptedException {
    for (String how : List.of("expired", "broken", "reclaimed", "")) {
      node.answer("release", 200, endedBefore(how));
      Lease explicit = lease();
      String text = assertThrows(LeaseLostException.class, explicit::release, how).getMessage();
      assertTrue(text.contains(how), text);
      assertDoesNotThrow(() -> explicit.release(), "it is reported once");
      assertThrows(LeaseLostException.class, lease()::close, how);
    }
    for (String how : List.of("released", "transferred")) { // by the session itself: a node may have repeated the request
      node.answer("release", 200, endedBefore(how));
      assertDoesNotThrow(() -> lease().release(), how);
    }
    node.answer("release", 409, "{\"type\":\"/problems/stale-token\",\"lost\":true,\"definitive\":true}");
    assertThrows(LeaseLostException.class, lease()::release);
  }

  @Test
  void outcomeOfARepeatedReleaseDependsOnTheNodesAnswer() throws InterruptedException {
    node.answer("release", 504, "{}");
    node.thenAnswer("release", 200, endedBefore("released"));
    lease().release();
    node.answer("release", 504, "{}");
    node.thenAnswer("release", 200, endedBefore("broken"));
    assertThrows(LeaseLostException.class, lease()::release);
    node.answer("release", 504, "{}");
    node.thenAnswer("release", 200, endedBefore(""));
    String text = assertThrows(OutcomeUnknownException.class, lease()::release).getMessage();
    assertEquals("x: it is released; it is unknown whether it was lost before", text);
  }

  @Test
  void awaitReleasesWaitsUntilTheyAreConfirmed() throws InterruptedException {
    LockdClient client = node.client();
    Lease lease = client.acquire("x", UNKEPT);
    node.answer("release", 503, UNAVAILABLE);
    assertThrows(UnavailableException.class, lease::release);
    assertEquals(false, client.awaitReleases(Duration.ofMillis(10)));
    node.answer("release", 200, "{\"was_held\":true}");
    assertTrue(client.awaitReleases(Duration.ofSeconds(30)));
    assertTrue(client.awaitReleases(Duration.ZERO), "nothing is pending");
  }

  @Test
  void copyThatWasNotAppliedDoesNotCountAsRepeat() throws InterruptedException {
    node.answer("release", 503, UNAVAILABLE);
    node.thenAnswer("release", 200, endedBefore(""));
    assertThrows(LeaseLostException.class, lease()::release);
    node.answer("release", 503, UNAVAILABLE);
    Config cfg = new Config(node.builder(Duration.ZERO), Clock::system);
    Hold.Grant grant = new Hold.Grant("x", "h", 1, 0, TTL, TTL, Duration.ZERO, Optional.empty(), Optional.empty());
    PendingRelease release = PendingRelease.of(cfg, new Hold(cfg, cfg.session, grant, cfg.clock.now(), TTL), false);
    assertThrows(UnavailableException.class, () -> release.send(null, Interrupts.END));
    node.answer("release", 200, endedBefore(""));
    release.send(null, Interrupts.END);
    assertThrows(LeaseLostException.class, release::report);
  }

  @Test
  void repeatedReleaseKnowsOfTheEarlierOne() throws InterruptedException {
    node.answer("release", 504, "{}");
    Lease lease = node.client(Duration.ZERO).acquire("x", UNKEPT);
    assertThrows(OutcomeUnknownException.class, lease::release);
    node.answer("release", 200, endedBefore("released"));
    lease.release();
    lease.release();
  }

  @Test
  void releaseDoesNotReportAKnownLoss() throws InterruptedException {
    node.answer("renew", 409, "{\"type\":\"/problems/not-holder\",\"lost\":true,\"definitive\":true}");
    node.answer("release", 200, endedBefore("expired"));
    Lease lease = lease();
    assertThrows(LeaseLostException.class, lease::renew);
    lease.release();
  }

  @Test
  void transferIsNotALoss() throws InterruptedException {
    node.answer("transfer", 200, "{\"token\":9}");
    Lease lease = lease();
    lease.transfer("b");
    lease.release();
    assertEquals(0, node.count("release x 1"));
    node.answer("transfer", 504, "{}");
    node.answer("release", 200, endedBefore("transferred"));
    Lease unknown = node.client(Duration.ZERO).acquire("x", UNKEPT);
    assertThrows(OutcomeUnknownException.class, () -> unknown.transfer("b"));
    unknown.release();
    node.awaitRequest("release x 1", 1);
  }

  @Test
  void failedReleaseDoesNotHideFinishedWork() throws InterruptedException {
    List<String> warnings = new CopyOnWriteArrayList<>();
    Handler handler = new Handler() {
      @Override
      public void publish(LogRecord r) {
        String text = new SimpleFormatter().formatMessage(r);
        if (text.startsWith("finished-work:")) {
          warnings.add(text);
        }
      }

      @Override
      public void flush() {}

      @Override
      public void close() {}
    };
    Logger.getLogger("io.lockd.client").addHandler(handler);
    try {
      LockdClient client = node.client(Duration.ZERO);
      for (int status : List.of(503, 504)) {
        node.requests.clear();
        node.answer("release", status, status == 503 ? UNAVAILABLE : "{}");
        try (Lease lease = client.acquire("finished-work", UNKEPT)) {
          lease.check();
        }
        node.awaitRequest("release finished-work 1", 3); // in the background
        node.answer("release", 200);
        client.acquire("finished-work", UNKEPT).release();
      }
      assertEquals(2, warnings.size(), warnings::toString);
      assertTrue(warnings.stream().noneMatch(w -> w.contains(client.session())), "a session is secret");
    } finally {
      Logger.getLogger("io.lockd.client").removeHandler(handler);
    }
  }

  @Test
  void exceptionOfTheWorkComesBeforeTheLoss() throws InterruptedException {
    node.answer("release", 200, endedBefore("broken"));
    Exception own = new Exception("of the work");
    Exception thrown = assertThrows(Exception.class, () -> {
      try (Lease lease = lease()) {
        lease.check();
        throw own;
      }
    });
    assertSame(own, thrown);
    assertEquals(LeaseLostException.class, own.getSuppressed()[0].getClass());
  }

  @Test
  void interruptDoesNotPreventTheRelease() throws InterruptedException {
    Lease lease = lease();
    Thread.currentThread().interrupt();
    lease.close();
    assertTrue(Thread.interrupted());
    assertEquals(1, node.count("release x 1"));
  }
}
