package io.lockd.client;

import io.lockd.client.Hold.Grant;
import io.lockd.client.Retry.AttemptErrors;
import io.lockd.client.Retry.Call;
import io.lockd.client.Retry.Result;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** One call that acquires several leases in one step, or none of them. Its requests carry one attempt. */
final class AllAcquisition {
  private static final Duration CANCEL_TIMEOUT = Duration.ofSeconds(1); // how long a failed call waits for its releases

  private final Config cfg;
  private final PendingReleases pending;
  private final List<String> names;
  private final AcquireOptions options;
  private final String attempt = Acquisition.newAttempt();
  private final AttemptErrors attemptErrors = new AttemptErrors();
  private boolean granted;

  AllAcquisition(Config cfg, PendingReleases pending, List<String> names, AcquireOptions options) {
    this.cfg = cfg;
    this.pending = pending;
    this.names = names;
    this.options = options;
  }

  /** Returns the holds in the order of the names. If the caller does not get them, it must call {@link #cancel}. */
  List<Hold> run() throws InterruptedException {
    for (String name : names) {
      pending.settle(key(name), Interrupts.END);
    }
    Call<List<Grant>> call = Call.post("/v1/acquire", body(), cfg.attemptTimeout(options.ttl()), raw -> Validate.grants(raw, names));
    Result<List<Grant>> answer = Retry.send(cfg, call.recording(attemptErrors, Interrupts.END));
    granted = true;
    List<Hold> holds = new ArrayList<>();
    for (Grant g : answer.value()) {
      holds.add(new Hold(cfg, cfg.session, g, answer.sent(), options.ttl()));
    }
    return holds;
  }

  private PendingRelease.Key key(String name) {
    return new PendingRelease.Key(name, cfg.session);
  }

  private Map<String, Object> body() {
    Map<String, Object> body = Requests.session(cfg.session);
    body.put("attempt", attempt);
    body.put("names", names);
    body.put("holder", cfg.holder);
    body.put("ttl_ms", Requests.ms(options.ttl()));
    if (options.meta() != null) {
      body.put("meta", options.meta());
    }
    return body;
  }

  /** Releases what the call may have acquired. It waits for a second at most, and continues in the background. */
  void cancel() {
    if (!granted && !attemptErrors.mayBeApplied()) {
      return;
    }
    Duration lasts = options.ttl().plus(cfg.attemptTimeout(options.ttl()));
    List<PendingRelease> releases = names.stream().map(name -> PendingRelease.ofAttempt(cfg, key(name), attempt, lasts)).toList();
    Clock.Reading start = cfg.clock.now();
    for (PendingRelease r : releases) {
      Duration left = CANCEL_TIMEOUT.minus(start.until(cfg.clock.now()));
      try {
        if (left.isNegative() || left.isZero()) {
          pending.inBackground(r);
        } else {
          pending.release(r, left, Interrupts.DEFER);
        }
      } catch (LockdException | InterruptedException e) {
        // the call throws an exception already, and the release continues in the background
      }
    }
  }
}
