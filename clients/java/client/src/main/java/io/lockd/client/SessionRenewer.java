package io.lockd.client;

import io.lockd.client.Hold.Grant;
import io.lockd.client.Retry.Call;
import io.lockd.client.Retry.Result;
import io.lockd.client.Validate.Renewals;
import io.lockd.client.Validate.Renewed;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;

/** Renews the holds of one session in the background. */
final class SessionRenewer {
  private static final int MAX_TOGETHER = 256; // leases in one renewal

  private final Config cfg;
  private final Operations requests;
  private Duration pause = Retry.MIN_PAUSE; // only the loop's thread uses it

  SessionRenewer(Config cfg, Operations requests) {
    this.cfg = cfg;
    this.requests = requests;
  }

  /** Renews the holds that are due. Returns when to call it again. */
  Duration step(List<Hold> holds) throws InterruptedException {
    Duration due = holds.stream().map(SessionRenewer::untilRenewal).min(Duration::compareTo).orElseThrow();
    if (!due.isNegative() && !due.isZero()) {
      return due;
    }
    boolean ok = renewTogether(holds);
    pause = ok ? Retry.MIN_PAUSE : Retry.longer(pause);
    Interrupts.END.sleep(Retry.jitter(pause));
    return Duration.ZERO;
  }

  /** Returns how long to wait for the next renewal: a third of the TTL after the last one, with jitter. */
  static Duration untilRenewal(Hold h) {
    Duration third = h.third();
    long early = (long) (third.toNanos() / 10 * ThreadLocalRandom.current().nextDouble());
    return third.minusNanos(early).minus(h.sinceSent());
  }

  /**
   * Renews the holds that are due or will be due soon, with as few requests as possible. Returns whether no request
   * failed. A hold that an answer does not contain is renewed with its own request, whose answer has the cause of the
   * loss.
   */
  boolean renewTogether(List<Hold> holds) throws InterruptedException {
    List<Hold> due = new ArrayList<>();
    for (Hold h : holds) {
      if (h.sinceSent().compareTo(h.third().dividedBy(2)) >= 0 && !h.busy() && !h.remaining().isZero()) {
        due.add(h);
      }
    }
    boolean ok = true;
    for (int at = 0; at < due.size(); at += MAX_TOGETHER) {
      List<Hold> part = due.subList(at, Math.min(at + MAX_TOGETHER, due.size()));
      List<Hold> left = part;
      try {
        if (part.size() > 1) {
          left = renewPart(part);
        }
      } catch (LeaseLostException | NotAllowedException e) {
        // perhaps only one of them is lost or not allowed: each is renewed with its own request
      } catch (LockdException e) {
        note(e);
        ok = false;
        continue;
      }
      for (Hold h : left) {
        ok = renewAlone(h) && ok;
      }
    }
    return ok;
  }

  /** Renews holds with one request. Returns those that the answer does not contain. */
  private List<Hold> renewPart(List<Hold> part) throws InterruptedException {
    Map<String, Object> body = Requests.session(part.get(0).session());
    List<Map<String, Object>> leases = new ArrayList<>();
    Duration ttl = part.get(0).grant().ttl();
    Duration left = part.get(0).remaining();
    for (Hold h : part) {
      leases.add(Map.of("name", h.grant().name(), "token", h.grant().token()));
      ttl = Config.min(ttl, h.grant().ttl());
      left = Config.min(left, h.remaining());
    }
    body.put("leases", leases);
    Call<Renewals> call = Call.post("/v1/sessions/renew", body, cfg.attemptTimeout(ttl), Validate::renewals);
    Result<Renewals> a = Retry.send(cfg, call.within(left));
    cfg.tokens.renewed(null);
    List<Hold> rest = new ArrayList<>();
    for (Hold h : part) {
      Grant g = h.grant();
      Renewed renewed = a.value().of(g);
      if (renewed == null) {
        rest.add(h);
      } else {
        h.extend(g.renewed(renewed.expiresIn(), a.value().waited(), renewed.stepDown()), a.sent(), null);
      }
    }
    return rest;
  }

  private boolean renewAlone(Hold h) throws InterruptedException {
    Duration left = h.remaining();
    if (left.isZero()) {
      return true; // its deadline has passed: the deadline loop ends it
    }
    try {
      requests.renew(h, null, left);
      cfg.tokens.renewed(null);
      return true;
    } catch (LockdException e) {
      note(e);
      return h.ended() != null;
    }
  }

  /** Logs that the credentials were refused: no caller receives the error. */
  private void note(LockdException e) {
    if (LockdException.isDenied(e)) {
      cfg.tokens.renewed(e);
    }
  }
}
