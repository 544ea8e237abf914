package io.lockd.client;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** A hold as its holder may rely on it: the local deadline, and its one end. Its methods never wait. */
final class Hold {
  private static final Duration MIN_MARGIN = Duration.ofMillis(50);

  /** The newest answer of the cluster about a hold. */
  record Grant(String name, String holder, long token, int slot, Duration ttl, Duration expiresIn, Duration waited) {
    static Grant of(Json raw) {
      return new Grant(
          raw.text("name"), raw.text("holder"), raw.number("token"), (int) raw.number("slot"),
          raw.millis("ttl_ms"), raw.millis("expires_in_ms"), raw.millis("waited_ms"));
    }

    Grant renewed(Duration expires, Duration waits) {
      return new Grant(name, holder, token, slot, ttl, expires, waits);
    }

    /** How long after its request was sent it may be relied on. */
    Duration validity() {
      return waited.plus(expiresIn).minus(margin(expiresIn));
    }
  }

  private final Config cfg;
  private Grant grant;
  private Moment sent;
  private Duration valid;
  private int handing;
  private int changing;
  private LockdException ended;
  private List<Consumer<LockdException>> atEnd = new ArrayList<>();

  Hold(Config cfg, Grant grant, Moment sent) {
    this.cfg = cfg;
    this.grant = grant;
    this.sent = sent;
    this.valid = grant.validity();
  }

  /** By how much a holder stops before a promise ends. */
  private static Duration margin(Duration of) {
    return Config.max(MIN_MARGIN, of.dividedBy(50));
  }

  synchronized Grant grant() {
    return grant;
  }

  synchronized LockdException ended() {
    return ended;
  }

  /** How long it may still be relied on; zero: stop. */
  synchronized Duration remaining() {
    if (ended != null || handing > 0) {
      return Duration.ZERO;
    }
    return Config.max(Duration.ZERO, valid.minus(sent.until(cfg.clock.now())));
  }

  synchronized Duration sinceSent() {
    return sent.until(cfg.clock.now());
  }

  /** Whether a change is under way that a renewal may not cross. */
  synchronized boolean busy() {
    return handing > 0 || changing > 0;
  }

  synchronized void hand(int by) {
    handing += by;
  }

  synchronized void change(int by) {
    changing += by;
  }

  /** Ends it if its time is up, and returns when to look again. */
  Duration expire() {
    Duration left;
    synchronized (this) {
      if (handing > 0) {
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

  /** Takes a renewal's answer, unless that of a later request is known. */
  synchronized void extend(Grant newer, Moment at) {
    if (ended == null && at.mono() - sent.mono() >= 0) {
      grant = newer;
      sent = at;
      valid = newer.validity();
    }
  }

  /** Counts with a smaller TTL that is about to be sent. */
  synchronized void shorten(Duration ttl) {
    Moment now = cfg.clock.now();
    Duration soon = ttl.minus(margin(ttl));
    if (soon.compareTo(valid.minus(sent.until(now))) < 0) {
      sent = now;
      valid = soon;
    }
  }

  void lose(LockdException why) {
    end(why instanceof LeaseLostException ? why : new LeaseLostException(why.getMessage(), why.problem().orElse(null), why));
  }

  void giveBack() {
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
      Report.uncaught(e);
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
