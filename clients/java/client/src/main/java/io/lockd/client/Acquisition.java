package io.lockd.client;

import io.lockd.client.Hold.Grant;
import io.lockd.client.Retry.AttemptErrors;
import io.lockd.client.Retry.Call;
import io.lockd.client.Retry.Result;
import java.time.Duration;
import java.util.Map;
import java.util.Set;

/**
 * One call that acquires a lease. All its requests have the same random attempt ID. It identifies what they acquire, so
 * that this can be released without ending another hold of the session.
 */
final class Acquisition {
  private static final int ATTEMPT_BYTES = 8;
  private static final Duration CANCEL_TIMEOUT = Duration.ofSeconds(1); // how long a failed call waits for its release
  private static final Set<String> WORTH_RETRYING = Set.of("held", "delayed", "queue-full", "too-many-leases", "state-full", "rate-limited", "quota");

  private final Config cfg;
  private final PendingReleases pending;
  private final PendingRelease.Key key;
  private final AcquireOptions options;
  private final Interrupts interrupts;
  private final String attempt = newAttempt();
  private final AttemptErrors attemptErrors = new AttemptErrors();
  private Duration longestWait = Duration.ZERO; // of one request
  private boolean queued; // the session keeps a place in the queue
  private boolean granted;

  Acquisition(Config cfg, PendingReleases pending, PendingRelease.Key key, AcquireOptions options, Interrupts interrupts) {
    this.cfg = cfg;
    this.pending = pending;
    this.key = key;
    this.options = options;
    this.interrupts = interrupts;
  }

  /**
   * Repeats the request until the lease is granted or the wait has ended. It does not throw temporary failures during
   * the wait. It throws if no node has answered for the limit. If the caller does not get the lease, it must call
   * {@link #cancel}.
   */
  Hold run(Duration wait, Duration limit) throws InterruptedException {
    Clock.Reading start = cfg.clock.now();
    Duration pause = Retry.MIN_PAUSE;
    while (true) {
      Clock.Reading sentAt = cfg.clock.now();
      Duration left = Config.min(Config.max(wait.minus(start.until(sentAt)), Duration.ZERO), cfg.piece);
      try {
        pending.settle(key, interrupts);
        return request(left);
      } catch (LockdException e) {
        boolean reported = !(e instanceof UnavailableException) && !LockdException.isDenied(e);
        queued = e.problem().filter(p -> p.definitive() && reported).map(Problem::queued).orElse(queued);
        Clock.Reading now = cfg.clock.now();
        boolean over = start.until(now).compareTo(wait) >= 0 || cfg.reachability.silence(start, now).compareTo(limit) >= 0;
        if (over || !isWorthRetrying(e)) {
          throw e;
        }
      }
      Duration took = sentAt.until(cfg.clock.now());
      if (!left.isZero() && took.compareTo(left) >= 0) {
        pause = Retry.MIN_PAUSE; // the request waited for its full time: repeat it at once
        continue;
      }
      if (took.compareTo(Retry.MAX_PAUSE) >= 0) {
        pause = Retry.MIN_PAUSE; // the wait was cut: the node keeps the place for a few seconds
      }
      interrupts.sleep(Retry.jitter(pause));
      pause = Retry.longer(pause);
    }
  }

  /** Returns the random ID of one call, for all its requests. */
  static String newAttempt() {
    return Config.random(ATTEMPT_BYTES);
  }

  private Hold request(Duration wait) throws InterruptedException {
    longestWait = Config.max(longestWait, wait);
    Call<Grant> call = new Call<>("POST", Requests.lease(key.name(), "acquire"), elapsed -> {
      Duration left = Config.max(wait.minus(elapsed), Duration.ZERO);
      return new Retry.Sending(body(left), cfg.attemptTimeout(options.ttl()), left);
    }, raw -> Validate.grant(raw, key.name(), 0), null, attemptErrors, interrupts);
    Result<Grant> a = Retry.send(cfg, call);
    granted = true;
    return new Hold(cfg, key.session(), a.value(), a.sent(), options.ttl());
  }

  private Map<String, Object> body(Duration wait) {
    Map<String, Object> body = Requests.session(key.session());
    body.put("attempt", attempt);
    body.put("holder", cfg.holder);
    body.put("ttl_ms", Requests.ms(options.ttl()));
    if (!wait.isZero()) {
      body.put("wait_ms", Requests.ms(wait));
    }
    if (options.limit() != 1) {
      body.put("limit", options.limit());
    }
    if (!options.delay().isZero()) {
      body.put("delay_ms", Requests.ms(options.delay()));
    }
    if (options.priority() != 0) {
      body.put("priority", options.priority());
    }
    if (options.meta() != null) {
      body.put("meta", options.meta());
    }
    if (options.reclaim()) {
      body.put("reclaim", true);
    }
    return body;
  }

  private static boolean isWorthRetrying(LockdException e) {
    return e instanceof OutcomeUnknownException || e instanceof UnavailableException
        || e.problem().filter(p -> WORTH_RETRYING.contains(p.type())).isPresent();
  }

  /**
   * Releases what the call may have acquired: a hold, a place in the queue, or the result of a request in flight. It
   * waits for a second at most, and continues in the background. The interrupt that ended the call does not shorten
   * this wait. A second interrupt does.
   */
  void cancel(Throwable why) {
    if (!granted && !queued && !attemptErrors.mayBeApplied()) {
      return;
    }
    PendingRelease left = PendingRelease.ofAttempt(cfg, key, attempt, options.ttl().plus(longestWait).plus(cfg.attemptTimeout(options.ttl())));
    try {
      pending.release(left, CANCEL_TIMEOUT, why instanceof InterruptedException ? interrupts : Interrupts.DEFER);
    } catch (LockdException e) {
      // the release continues in the background
    } catch (InterruptedException e) {
      // the call throws an InterruptedException already, and the release continues in the background
    }
  }
}
