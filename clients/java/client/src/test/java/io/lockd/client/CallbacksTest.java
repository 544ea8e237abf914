package io.lockd.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A callback of one lease does not affect the other leases of its client. */
class CallbacksTest {
  private static final Duration PATIENCE = Duration.ofMinutes(1);

  private final List<Class<?>> reported = new CopyOnWriteArrayList<>();
  private final Thread.UncaughtExceptionHandler before = Thread.getDefaultUncaughtExceptionHandler();
  private FakeNode node;
  private LockdClient client;

  @BeforeEach
  void start() throws IOException {
    Thread.setDefaultUncaughtExceptionHandler((t, e) -> reported.add(e.getClass()));
    node = new FakeNode();
    client = node.client();
  }

  @AfterEach
  void stop() {
    node.close();
    Thread.setDefaultUncaughtExceptionHandler(before);
  }

  private static void fail(LeaseLostException why) {
    throw new AssertionError("a callback of the program");
  }

  private static AcquireOptions unkept(long millis) {
    return AcquireOptions.ttl(Duration.ofMillis(millis)).withKeep(false);
  }

  /** Lets a lease with this callback and another lease reach their deadlines, and waits until both are lost. */
  private void loseBoth(Consumer<LeaseLostException> call) throws InterruptedException {
    Lease first = client.acquire("first", unkept(1000));
    Lease second = client.acquire("second", unkept(1500));
    CountDownLatch reported = new CountDownLatch(2);
    first.onLost(call);
    first.onLost(why -> reported.countDown());
    second.onLost(why -> reported.countDown());
    assertTrue(reported.await(PATIENCE.toSeconds(), TimeUnit.SECONDS), "two losses are reported, and not " + (2 - reported.getCount()));
    assertTrue(second.awaitEnd(PATIENCE));
  }

  @Test
  void throwingCallbackDoesNotDelayTheDeadlineOfOtherLeases() throws InterruptedException {
    loseBoth(CallbacksTest::fail);
    assertEquals(List.of(AssertionError.class), reported);
  }

  @Test
  void interruptingCallbackDoesNotDelayTheDeadlineOfOtherLeases() throws InterruptedException {
    loseBoth(why -> Thread.currentThread().interrupt());
    assertEquals(List.of(InterruptedException.class), reported);
  }

  @Test
  void throwingCallbackDoesNotStopTheRenewalsOfOtherLeases() throws InterruptedException {
    Lease first = client.acquire("first", AcquireOptions.ttl(Duration.ofSeconds(4)));
    Lease second = client.acquire("second", AcquireOptions.ttl(Duration.ofSeconds(4)));
    first.onLost(CallbacksTest::fail);
    node.breakLease("first");
    assertTrue(first.awaitEnd(PATIENCE));
    for (long renewals = node.renewals("second"); node.renewals("second") < renewals + 3; Thread.onSpinWait()) {
      second.check();
    }
    node.breakLease("second");
    assertTrue(second.awaitEnd(PATIENCE));
    assertEquals(List.of(AssertionError.class), reported);
  }

  @Test
  void throwingCallbackAfterTheEndIsReportedToo() throws InterruptedException {
    Lease lease = client.acquire("first", unkept(1000));
    assertTrue(lease.awaitEnd(PATIENCE));
    lease.onLost(CallbacksTest::fail);
    assertEquals(List.of(AssertionError.class), reported);
  }

  @Test
  void loopContinuesAfterAStepThatThrows() throws InterruptedException {
    Config cfg = new Config(LockdClient.builder(), Clock::system);
    Hold hold = new Hold(cfg, cfg.session, Validate.grant(Json.parse("{\"name\":\"x\",\"token\":7,\"ttl_ms\":5000,\"expires_in_ms\":4995}")), cfg.clock.now(), Duration.ofSeconds(15));
    CountDownLatch steps = new CountDownLatch(3);
    new Loop("lockd-test", holds -> {
      steps.countDown();
      if (steps.getCount() == 2) {
        throw new InterruptedException();
      } else if (steps.getCount() == 1) {
        throw new IllegalStateException();
      }
      holds.forEach(Hold::markReleased);
      return Duration.ZERO;
    }).join(hold);
    assertTrue(steps.await(PATIENCE.toSeconds(), TimeUnit.SECONDS));
    assertEquals(List.of(InterruptedException.class, IllegalStateException.class), reported);
  }
}
