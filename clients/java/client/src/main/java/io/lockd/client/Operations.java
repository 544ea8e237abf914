package io.lockd.client;

import io.lockd.client.Hold.Grant;
import io.lockd.client.Retry.Call;
import io.lockd.client.Retry.Result;
import java.time.Duration;
import java.util.Map;

/** The operations on one hold: renew and transfer. */
final class Operations {
  private final Config cfg;

  Operations(Config cfg) {
    this.cfg = cfg;
  }

  /** Renews a lease. A loss ends the hold. After another error the deadline is unchanged. */
  void renew(Hold h, Duration ttl, Duration budget) throws InterruptedException {
    throwIfEnded(h);
    if (ttl != null) {
      cfg.checkTtl(ttl);
      h.shorten(ttl);
    }
    Grant g = h.grant();
    boolean unknown = false;
    try {
      Map<String, Object> body = Requests.hold(h);
      if (ttl != null) {
        body.put("ttl_ms", Requests.ms(ttl));
      }
      Duration timeout = cfg.attemptTimeout(ttl == null ? g.ttl() : ttl);
      Call<Grant> call = Call.post(Requests.lease(g.name(), "renew"), body, timeout, raw -> Validate.grant(raw, g.name(), g.token()));
      Result<Grant> a = Retry.send(cfg, call.within(budget));
      h.extend(a.value(), a.sent(), ttl);
    } catch (LeaseLostException e) {
      h.lose(e);
      throw e;
    } catch (OutcomeUnknownException | InterruptedException e) {
      unknown = true;
      throw e;
    } finally {
      if (ttl != null) {
        h.settle(ttl, unknown);
      }
    }
    throwIfEnded(h); // a late answer does not restore the hold
  }

  private static void throwIfEnded(Hold h) {
    LockdException ended = h.ended();
    if (ended != null) {
      throw again(ended);
    }
  }

  /** Returns the same exception with the caller's stack. */
  static LockdException again(LockdException e) {
    return e instanceof LeaseLostException
        ? new LeaseLostException(e.getMessage(), e.problem().orElse(null), e)
        : new ReleasedException(e.getMessage(), null, e);
  }

  /** Transfers a lease to a waiter in one step. From now on it is not held, unless the transfer certainly failed. */
  long transfer(Hold h, String to) throws InterruptedException {
    throwIfEnded(h);
    Grant g = h.grant();
    h.transferring(+1);
    try {
      Map<String, Object> body = Requests.hold(h);
      body.put("to", to);
      Call<Long> call = Call.post(Requests.lease(g.name(), "transfer"), body, cfg.attemptTimeout(Config.DEFAULT_TTL), raw -> raw.number("token"));
      long token = Retry.send(cfg, call).value();
      h.markReleased();
      return token;
    } catch (OutcomeUnknownException | InterruptedException e) {
      h.markReleased();
      throw e;
    } catch (LeaseLostException e) {
      h.lose(e);
      throw e;
    } finally {
      h.transferring(-1);
    }
  }
}
