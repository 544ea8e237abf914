package io.lockd.client;

import io.lockd.client.Retry.AttemptErrors;
import io.lockd.client.Retry.Call;
import io.lockd.client.Validate.Released;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A release that a node must confirm: of a hold, by its token, or of what an acquire may have acquired, by its attempt.
 * It may be sent any number of times, by several threads.
 */
final class PendingRelease {
  /** The name and session of a release. The next acquire of them waits for it. */
  record Key(String name, String session) {
    @Override
    public String toString() {
      return name; // a session is a secret
    }
  }

  private static final int TOO_MANY_REQUESTS = 429; // the request was not applied, and a repeat may succeed

  private final Config cfg;
  private final Key key;
  private final boolean byToken;
  private final boolean lossIsKnown; // the caller knows of the loss, so it is not reported again
  private final boolean transferred; // a transfer was sent, and may have ended the hold
  private final Clock.Reading created;
  private final Duration lasts;
  private volatile Map<String, Object> body;
  private int copies; // requests that are in flight or may have been applied
  private boolean certain;
  private boolean denied; // the credentials were refused: only the next acquire, or the caller, repeats it
  private LockdException verdict; // the exception for the holder; null: the hold lasted until its release

  private PendingRelease(Config cfg, Key key, Map<String, Object> body, Duration lasts, boolean lossIsKnown, boolean transferred) {
    this.cfg = cfg;
    this.key = key;
    this.byToken = body.containsKey("token");
    this.lossIsKnown = lossIsKnown;
    this.transferred = transferred;
    this.created = cfg.clock.now();
    this.lasts = lasts;
    this.body = body;
  }

  /** Returns the release of a hold. The hold cannot last longer than its TTL. */
  static PendingRelease of(Config cfg, Hold h, boolean transferred) {
    Key key = new Key(h.grant().name(), h.session());
    boolean lost = h.ended() instanceof LeaseLostException;
    return new PendingRelease(cfg, key, Requests.hold(h), h.longestTtl(), lost, transferred);
  }

  /** Returns the release of what an attempt may have acquired, which can last for so long. */
  static PendingRelease ofAttempt(Config cfg, Key key, String attempt, Duration lasts) {
    Map<String, Object> body = Requests.session(key.session());
    body.put("attempt", attempt);
    return new PendingRelease(cfg, key, body, lasts, true, false);
  }

  Key key() {
    return key;
  }

  /** Keeps the lease unavailable for so long after the release. */
  void delay(Duration d) {
    Map<String, Object> delayed = new LinkedHashMap<>(body);
    delayed.put("delay_ms", Requests.ms(d));
    body = delayed;
  }

  /** Reports whether a node has confirmed it. */
  synchronized boolean certain() {
    return certain;
  }

  /** Reports whether the last answer refused the credentials. Nodes count such requests. */
  synchronized boolean denied() {
    return denied;
  }

  /** Returns the time after which there is nothing left to release. */
  Duration left() {
    return Config.max(lasts.minus(created.until(cfg.clock.now())), Duration.ZERO);
  }

  /** Reports whether there is nothing left to release. */
  boolean over() {
    return certain() || left().isZero();
  }

  /** Throws the exception for the holder, once. */
  void report() {
    LockdException why;
    synchronized (this) {
      why = verdict;
      verdict = null;
    }
    if (why != null) {
      throw why;
    }
  }

  /**
   * Sends it until a node has answered.
   *
   * @param budget limits the call; null: the usual time of a call
   */
  void send(Duration budget, Interrupts interrupts) throws InterruptedException {
    AttemptErrors attemptErrors = new AttemptErrors();
    synchronized (this) {
      copies++;
    }
    try {
      Call<Released> call = Call.post(Requests.lease(key.name(), "release"), body, cfg.attemptTimeout(Config.DEFAULT_TTL), this::read);
      confirm(Retry.send(cfg, call.within(budget).recording(attemptErrors, interrupts)).value(), attemptErrors, null);
    } catch (LeaseLostException e) {
      confirm(new Released(false, ""), attemptErrors, e);
    } catch (RefusedException e) {
      synchronized (this) {
        denied = LockdException.isDenied(e);
        certain |= !denied && e.problem().filter(p -> p.status() == TOO_MANY_REQUESTS).isEmpty();
      }
      throw e;
    } finally {
      if (!attemptErrors.mayBeApplied()) {
        synchronized (this) {
          copies -= certain ? 0 : 1;
        }
      }
    }
  }

  private Released read(Json raw) {
    raw.object();
    return byToken ? Validate.released(raw) : new Released(true, "");
  }

  private synchronized void confirm(Released answer, AttemptErrors attemptErrors, LockdException refusal) {
    if (!certain) {
      certain = true;
      verdict = verdict(answer, copies > 1 || attemptErrors.mayBeApplied(), refusal);
    }
  }

  private LockdException verdict(Released answer, boolean repeated, LockdException refusal) {
    String ended = answer.ended();
    // Only the session itself ends a hold in these ways: a node may have repeated the request.
    boolean mine = ended.equals("released") || ended.equals("transferred");
    if (answer.wasHeld() || lossIsKnown || mine) {
      return null;
    }
    Problem problem = refusal == null ? null : refusal.problem().orElse(null);
    if ((repeated || transferred) && ended.isEmpty()) {
      return new OutcomeUnknownException(key.name() + ": it is released; it is unknown whether it was lost before", problem, refusal);
    }
    String how = ended.isEmpty() ? "" : " (" + ended + ")";
    return new LeaseLostException(key.name() + ": the hold had ended before its release" + how, problem, refusal);
  }
}
