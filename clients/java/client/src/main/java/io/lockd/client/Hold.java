package io.lockd.client;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/** The state of a hold: the local deadline, and its end. Its methods never wait. */
final class Hold {
  private static final Duration MIN_MARGIN = Duration.ofMillis(50);

  /** The latest answer of the cluster about a hold. The durations count from the time at which its request was sent. */
  record Grant(
      String name, String holder, long token, int slot, Duration ttl, Duration expiresIn, Duration waited, Optional<Previous> previous,
      Optional<StepDown> stepDown) {
    /** The same grant after a renewal. */
    Grant renewed(Duration newExpiresIn, Duration newWaited, Optional<StepDown> newStepDown) {
      return new Grant(name, holder, token, slot, ttl, newExpiresIn, newWaited, previous, newStepDown);
    }

    /**
     * Returns how long the grant is valid, counted from when its request was sent. The request took so long and
     * asked for this TTL. A node cannot have waited for longer than the request took, and cannot grant more than
     * the TTL of the request.
     */
    Duration validity(Duration took, Duration requested) {
      return Config.min(waited, Config.max(took, Duration.ZERO)).plus(lessMargin(Config.min(expiresIn, requested)));
    }
  }

  private final Config cfg;
  private final String session;
  private Grant grant;
  private Clock.Reading sent;
  private Duration valid;
  private Duration ttl; // the largest requested TTL that may be in effect
  private boolean concurrent; // several changes of the TTL are in flight
  private int transferring; // transfers in flight: meanwhile the lease is not held
  private int changing; // changes of the TTL in flight
  private Clock.Reading settled; // when the last of them was answered
  private Duration least = Config.MAX_TTL; // smallest TTL of the changes in flight and of those with an unknown outcome
  private Duration unknown = Config.MAX_TTL; // smallest TTL of the changes with an unknown outcome
  private LockdException ended;
  private List<Consumer<LockdException>> atEnd = new ArrayList<>();

  /** Creates the hold for a grant to a session. The ttl is that of the request. */
  Hold(Config cfg, String session, Grant grant, Clock.Reading sent, Duration ttl) {
    this.cfg = cfg;
    this.session = session;
    this.grant = grant;
    this.sent = sent;
    this.ttl = ttl;
    this.valid = grant.validity(sent.until(cfg.clock.now()), ttl);
    this.settled = sent;
  }

  /** Returns how long before the end of a validity the holder stops. */
  private static Duration margin(Duration of) {
    return Config.max(MIN_MARGIN, of.dividedBy(50));
  }

  private static Duration lessMargin(Duration of) {
    return of.minus(margin(of));
  }

  /** The session that holds the lease. It is a secret. */
  String session() {
    return session;
  }

  /** The longest time for which the nodes can keep the hold without a renewal. */
  synchronized Duration longestTtl() {
    return Config.max(ttl, grant.ttl());
  }

  synchronized Grant grant() {
    return grant;
  }

  synchronized LockdException ended() {
    return ended;
  }

  /** Returns the time until the local deadline; zero: stop. */
  synchronized Duration remaining() {
    if (ended != null || transferring > 0) {
      return Duration.ZERO;
    }
    return Config.max(Duration.ZERO, valid.minus(sent.until(cfg.clock.now())));
  }

  synchronized Duration sinceSent() {
    return sent.until(cfg.clock.now());
  }

  /** Reports whether a change is in flight. A renewal must not be sent at the same time. */
  synchronized boolean busy() {
    return transferring > 0 || changing > 0;
  }

  /** Counts the transfers in flight: +1 or -1. */
  synchronized void transferring(int by) {
    transferring += by;
  }

  /** A third of the TTL, or of a shorter validity after a change. */
  synchronized Duration third() {
    return Config.min(grant.ttl(), valid).dividedBy(Config.TIMEOUTS_PER_TTL);
  }

  /** Ends the hold if its deadline has passed. Returns when to check again. */
  Duration expire() {
    Duration left;
    synchronized (this) {
      if (transferring > 0) {
        return MIN_MARGIN;
      }
      left = remaining();
      if (!left.isZero() || ended != null) {
        return left;
      }
    }
    lose(new LeaseLostException(grant().name() + ": the local deadline passed", null, null));
    return left;
  }

  /**
   * Applies the answer to a renewal, unless the answer to a later request is known. The order of concurrent requests is
   * unknown. So the answer to a renewal that was in flight with a change of the TTL is ignored, and a change extends
   * the deadline by the smallest TTL of the concurrent changes at most. The change is the TTL of the request; null:
   * none.
   */
  synchronized void extend(Grant newer, Clock.Reading at, Duration change) {
    boolean overtaken = change == null && (changing > 0 || at.mono() - settled.mono() < 0);
    if (ended == null && at.mono() - sent.mono() >= 0 && !overtaken) {
      if (change != null && !concurrent) {
        ttl = change;
      }
      grant = newer;
      sent = at;
      valid = Config.min(newer.validity(at.until(cfg.clock.now()), ttl), lessMargin(least));
    }
  }

  /** Applies a smaller TTL that is about to be sent. Call {@link #settle} when the request has ended. */
  synchronized void shorten(Duration to) {
    concurrent |= changing > 0;
    changing++;
    ttl = Config.max(ttl, to);
    least = Config.min(least, to);
    Clock.Reading now = cfg.clock.now();
    Duration soon = lessMargin(to);
    if (soon.compareTo(valid.minus(sent.until(now))) < 0) {
      sent = now;
      valid = soon;
    }
  }

  /** Ends a change of the TTL. If its outcome is unknown, it may be applied at any later time. */
  synchronized void settle(Duration ttl, boolean isUnknown) {
    settled = cfg.clock.now();
    if (isUnknown) {
      unknown = Config.min(unknown, ttl);
    }
    changing--;
    if (changing == 0) {
      least = unknown;
      concurrent = false;
    }
  }

  void lose(LockdException why) {
    end(why instanceof LeaseLostException ? why : new LeaseLostException(why.getMessage(), why.problem().orElse(null), why));
  }

  void markReleased() {
    end(new ReleasedException(grant().name() + " was released", null, null));
  }

  /**
   * Calls a function once when the hold has ended, on the thread that ends it. If it has ended already, calls it now.
   */
  void atEnd(Consumer<LockdException> call) {
    LockdException already;
    synchronized (this) {
      already = ended;
      if (already == null) {
        atEnd.add(call);
      }
    }
    if (already != null) {
      callSafely(call, already);
    }
  }

  /** Calls a function. What it throws does not prevent the other calls and not the caller's work. */
  private static void callSafely(Consumer<LockdException> call, LockdException why) {
    try {
      call.accept(why);
    } catch (Throwable e) {
      Uncaught.report(e);
    }
  }

  private void end(LockdException why) {
    List<Consumer<LockdException>> calls;
    synchronized (this) {
      if (ended != null) {
        return;
      }
      ended = why;
      calls = atEnd;
      atEnd = List.of();
    }
    calls.forEach(c -> callSafely(c, why));
  }
}
