package io.lockd.client;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/** A hold as its holder may rely on it: the local deadline, and its one end. Its methods never wait. */
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
  private Duration ttl; // largest TTL that was asked for and may be in force
  private boolean crossed; // changes of the TTL are under way together
  private int transferring;
  private int changing; // changes of the TTL under way
  private Clock.Reading settled; // when the last of them was answered
  private Duration least = Config.MAX_TTL; // smallest TTL of those under way, and of those in doubt
  private Duration doubtful = Config.MAX_TTL; // smallest TTL of those in doubt: their outcome is unknown
  private LockdException ended;
  private List<Consumer<LockdException>> atEnd = new ArrayList<>();

  /** Makes a hold of a grant to a session; ttl is what was asked for. */
  Hold(Config cfg, String session, Grant grant, Clock.Reading sent, Duration ttl) {
    this.cfg = cfg;
    this.session = session;
    this.grant = grant;
    this.sent = sent;
    this.ttl = ttl;
    this.valid = grant.validity(sent.until(cfg.clock.now()), ttl);
    this.settled = sent;
  }

  /** By how much a holder stops before a promise ends. */
  private static Duration margin(Duration of) {
    return Config.max(MIN_MARGIN, of.dividedBy(50));
  }

  private static Duration lessMargin(Duration of) {
    return of.minus(margin(of));
  }

  /** In whose name it is held. It is a secret. */
  String session() {
    return session;
  }

  /** How long it can last after its last renewal. */
  synchronized Duration longestTtl() {
    return Config.max(ttl, grant.ttl());
  }

  synchronized Grant grant() {
    return grant;
  }

  synchronized LockdException ended() {
    return ended;
  }

  /** How long it may still be relied on; zero: stop. */
  synchronized Duration remaining() {
    if (ended != null || transferring > 0) {
      return Duration.ZERO;
    }
    return Config.max(Duration.ZERO, valid.minus(sent.until(cfg.clock.now())));
  }

  synchronized Duration sinceSent() {
    return sent.until(cfg.clock.now());
  }

  /** Whether a change is under way that a renewal may not cross. */
  synchronized boolean busy() {
    return transferring > 0 || changing > 0;
  }

  synchronized void hand(int by) {
    transferring += by;
  }

  /** A third of the TTL, or of what is left of it by a change. */
  synchronized Duration third() {
    return Config.min(grant.ttl(), valid).dividedBy(Config.TIMEOUTS_PER_TTL);
  }

  /** Ends it if its time is up, and returns when to look again. */
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
   * Takes a renewal's answer, unless that of a later request is known. Of requests that were
   * under way together nobody knows which came first: a renewal that crossed a change of the TTL
   * may promise what no longer counts, and a change gives no more than the least of those that it
   * crossed. The change is the TTL that was asked for; null: none was.
   */
  synchronized void extend(Grant newer, Clock.Reading at, Duration change) {
    boolean overtaken = change == null && (changing > 0 || at.mono() - settled.mono() < 0);
    if (ended == null && at.mono() - sent.mono() >= 0 && !overtaken) {
      if (change != null && !crossed) {
        ttl = change;
      }
      grant = newer;
      sent = at;
      valid = Config.min(newer.validity(at.until(cfg.clock.now()), ttl), lessMargin(least));
    }
  }

  /** Counts with a smaller TTL that is about to be sent, until {@link #settle}. */
  synchronized void shorten(Duration to) {
    crossed |= changing > 0;
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

  /** Ends a change of the TTL. One in doubt may arrive at any time after. */
  synchronized void settle(Duration ttl, boolean doubt) {
    settled = cfg.clock.now();
    if (doubt) {
      doubtful = Config.min(doubtful, ttl);
    }
    changing--;
    if (changing == 0) {
      least = doubtful;
    }
  }

  void lose(LockdException why) {
    end(why instanceof LeaseLostException ? why : new LeaseLostException(why.getMessage(), why.problem().orElse(null), why));
  }

  void markReleased() {
    end(new ReleasedException(grant().name() + " was given back", null, null));
  }

  /** Calls once when it has ended, or now; on whichever thread ends it. */
  void atEnd(Consumer<LockdException> call) {
    LockdException already;
    synchronized (this) {
      already = ended;
      if (already == null) {
        atEnd.add(call);
      }
    }
    if (already != null) {
      tell(call, already);
    }
  }

  /** Whatever a call throws, the others are told, and whoever ended it goes on. */
  private static void tell(Consumer<LockdException> call, LockdException why) {
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
    calls.forEach(c -> tell(c, why));
  }
}
