package io.lockd.client;

import io.lockd.client.Retry.Call;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;

/**
 * The operations for operators on a hold of another session. A token identifies the hold, so that a repeat never
 * reaches a later one.
 */
final class OperatorRequests {
  private final Config cfg;

  OperatorRequests(Config cfg) {
    this.cfg = cfg;
  }

  /** Ends a hold. If grace is null, the hold ends when its holder's last deadline has passed. */
  Broken breakHold(String name, long token, String reason, Duration grace) throws InterruptedException {
    Map<String, Object> body = body(token);
    body.put("reason", reason);
    if (grace != null) {
      body.put("grace_ms", Requests.ms(grace));
    }
    return send(name, "break", body, raw -> Validate.broken(raw, name, token));
  }

  /** Asks a holder to hand the lease over. */
  StepDownRequested stepDown(String name, long token, StepDown request) throws InterruptedException {
    Map<String, Object> body = body(token);
    if (!request.to().isEmpty()) {
      body.put("to", request.to());
    }
    request.within().ifPresent(d -> body.put("within_ms", Requests.ms(d)));
    return send(name, "step-down", body, raw -> Validate.stepDownRequested(raw, name, token));
  }

  private static Map<String, Object> body(long token) {
    if (token < 1) {
      throw new IllegalArgumentException("the token must be at least 1, not " + token);
    }
    Map<String, Object> body = new LinkedHashMap<>();
    body.put("token", token);
    return body;
  }

  private <T> T send(String name, String verb, Map<String, Object> body, Function<Json, T> read) throws InterruptedException {
    return Retry.send(cfg, Call.post(Requests.lease(name, verb), body, cfg.attemptTimeout(Config.DEFAULT_TTL), read)).value();
  }
}
