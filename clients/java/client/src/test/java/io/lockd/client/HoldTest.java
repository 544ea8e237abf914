package io.lockd.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** The local deadline, with simulated clocks. */
class HoldTest {
  private static final long SECOND = 1_000_000_000L;
  private Clock.Reading now = new Clock.Reading(0, 0);

  private final Config cfg = new Config(LockdClient.builder(), () -> now);

  private Hold hold() {
    return new Hold(cfg, cfg.session, Validate.grant(Json.parse("{\"name\":\"x\",\"token\":7,\"ttl_ms\":5000,\"expires_in_ms\":4995,\"waited_ms\":0}")), now, Duration.ofSeconds(5));
  }

  @Test
  void deadlineCountsFromTheSendingLessAMargin() {
    Hold h = hold();
    now = new Clock.Reading(2 * SECOND, 2 * SECOND);
    assertEquals(Duration.ofNanos(4_895_100_000L).minusSeconds(2), h.remaining());
    now = new Clock.Reading(5 * SECOND, 5 * SECOND);
    assertEquals(Duration.ZERO, h.expire());
    assertInstanceOf(LeaseLostException.class, h.ended());
  }

  @Test
  void forwardJumpOfTheWallClockCountsAndBackwardJumpDoesNot() {
    Hold h = hold();
    now = new Clock.Reading(SECOND, -100 * SECOND);
    assertEquals(Duration.ofNanos(3_895_100_000L), h.remaining());
    now = new Clock.Reading(SECOND, 60 * SECOND);
    assertEquals(Duration.ZERO, h.remaining());
  }

  @Test
  void smallerTtlAppliesFromItsSending() {
    Hold h = hold();
    h.shorten(Duration.ofSeconds(2));
    assertTrue(h.remaining().compareTo(Duration.ofSeconds(2)) < 0);
  }

  @Test
  void renewalConcurrentWithAChangeOfTheTtlIsIgnored() {
    Hold h = hold();
    Hold.Grant old = h.grant();
    now = new Clock.Reading(SECOND, SECOND);
    h.shorten(Duration.ofSeconds(2));
    Clock.Reading concurrent = new Clock.Reading(SECOND + 1, SECOND + 1);
    h.extend(old, concurrent, null);
    assertTrue(h.remaining().compareTo(Duration.ofSeconds(2)) < 0, "the change is in flight");
    now = new Clock.Reading(SECOND + 2, SECOND + 2);
    h.settle(Duration.ofSeconds(2), false);
    h.extend(old, concurrent, null);
    assertTrue(h.remaining().compareTo(Duration.ofSeconds(2)) < 0, "it was sent before the change was answered");
    h.extend(old, now, null);
    assertTrue(h.remaining().compareTo(Duration.ofSeconds(4)) > 0);
  }

  @Test
  void smallestOfConcurrentChangesOfTheTtlApplies() {
    List<List<Long>> orders = List.of(List.of(60L, 4L), List.of(4L, 60L));
    for (List<Long> sent : orders) {
      for (List<Long> ended : orders) {
        for (List<Long> lost : List.of(List.<Long>of(), List.of(60L), List.of(4L), List.of(60L, 4L))) {
          changeConcurrently(sent, ended, lost);
        }
      }
    }
  }

  /** Concurrent changes to so many seconds: 4 s apply, and permanently if that answer is lost. */
  private void changeConcurrently(List<Long> sent, List<Long> ended, List<Long> lost) {
    String what = "sent " + sent + ", ended " + ended + ", lost " + lost;
    Duration most = Duration.ofSeconds(4);
    Hold h = new Hold(cfg, cfg.session, granted(15, 2), now, Duration.ofSeconds(15));
    Map<Long, Clock.Reading> at = new HashMap<>();
    for (long ttl : sent) {
      h.shorten(Duration.ofSeconds(ttl));
      at.put(ttl, now);
      pass(SECOND / 10);
    }
    for (long ttl : ended) {
      if (!lost.contains(ttl)) {
        h.extend(granted(ttl, ttl), at.get(ttl), Duration.ofSeconds(ttl));
      }
      h.settle(Duration.ofSeconds(ttl), lost.contains(ttl));
      pass(SECOND / 10);
      assertTrue(!h.remaining().isZero() && h.remaining().compareTo(most) <= 0, () -> what + ": " + h.remaining());
    }
    boolean more = h.remaining().compareTo(Duration.ofSeconds(2)) > 0;
    assertEquals(lost.size() < sent.size(), more, () -> what + ", both ended: " + h.remaining());
    h.extend(granted(60, 60), now, null);
    assertEquals(lost.contains(4L), h.remaining().compareTo(most) <= 0, () -> what + ", renewed: " + h.remaining());
    assertEquals(lost.contains(4L), h.third().compareTo(most.dividedBy(3)) <= 0, () -> what + ", costs the lease");
  }

  private Hold.Grant granted(long ttl, long left) {
    return new Hold.Grant("x", "h", 7, 0, Duration.ofSeconds(ttl), Duration.ofSeconds(left), Duration.ZERO, Optional.empty(), Optional.empty());
  }

  private void pass(long nanos) {
    now = new Clock.Reading(now.mono() + nanos, now.wall() + nanos);
  }

  @Test
  void changeOfTheTtlAppliesFromItsAnswer() throws Exception {
    try (FakeNode node = new FakeNode()) {
      Lease lease = node.client().acquire("x", AcquireOptions.ttl(Duration.ofSeconds(60)).withKeep(false));
      node.answer("renew", 200, "{\"name\":\"x\",\"token\":1,\"ttl_ms\":120000,\"expires_in_ms\":119880}");
      lease.renew(Duration.ofSeconds(120));
      assertTrue(lease.remaining().compareTo(Duration.ofSeconds(60)) > 0, () -> "" + lease.remaining());
    }
  }

  @Test
  void changeOfTheTtlWithUnknownOutcomeAppliesPermanently() throws Exception {
    try (FakeNode node = new FakeNode()) {
      Lease lease = node.client(Duration.ZERO).acquire("x", AcquireOptions.ttl(Duration.ofSeconds(60)).withKeep(false));
      node.answer("renew", 504, "{}");
      assertThrows(OutcomeUnknownException.class, () -> lease.renew(Duration.ofSeconds(4)));
      node.answer("renew", 200);
      lease.renew();
      assertTrue(lease.remaining().compareTo(Duration.ofSeconds(4)) <= 0, () -> "" + lease.remaining());
    }
  }

  @Test
  void lossIsReportedOnceAndALateAnswerDoesNotRestoreTheHold() {
    Hold h = hold();
    List<String> reported = new ArrayList<>();
    h.atEnd(e -> reported.add(e.getMessage()));
    h.lose(new LeaseLostException("first", null, null));
    h.lose(new LeaseLostException("second", null, null));
    h.markReleased();
    h.extend(h.grant(), now, null);
    assertEquals(List.of("first"), reported);
    assertEquals(Duration.ZERO, h.remaining());
  }

  @Test
  void ttlThatIsTooShortForTheTimeoutIsRefused() {
    Config c = new Config(LockdClient.builder().requestTimeout(Duration.ofSeconds(2)), () -> now);
    assertThrows(IllegalArgumentException.class, () -> c.checkTtl(Duration.ofSeconds(5)));
    c.checkTtl(Duration.ofSeconds(6));
    assertThrows(IllegalArgumentException.class, () -> cfg.checkTtl(Duration.ofMillis(500)));
    for (String wrong : new String[] {"ftp://n:1", "http://", ""}) {
      assertThrows(IllegalArgumentException.class, () -> LockdClient.at(wrong), wrong);
    }
  }

  @Test
  void twoLeasesOfOneNameExcludeEachOther() throws InterruptedException {
    LocalLock locks = new LocalLock("own session");
    LocalLock.Claim claim = locks.take("x", Duration.ZERO, 1, Interrupts.END);
    assertThrows(HeldException.class, () -> locks.take("x", Duration.ofMillis(1), 1, Interrupts.END));
    claim.leave().run();
    claim.leave().run();
    LocalLock.Claim next = locks.take("x", AcquireOptions.FOREVER, 1, Interrupts.END);
    claim.leave().run();
    assertThrows(HeldException.class, () -> locks.take("x", Duration.ZERO, 1, Interrupts.END));
    next.leave().run();
  }
}
