package io.lockd.client;

import io.lockd.client.LocalLock.Claim;
import java.time.Duration;

/** Acquires leases, and holds what they share. */
final class Leases {
  final Config cfg;
  final PendingReleases pending = new PendingReleases();
  final Operations requests;
  private final LocalLock locks;
  private final Renewer keeper;

  Leases(Config cfg) {
    this.cfg = cfg;
    requests = new Operations(cfg);
    locks = new LocalLock(cfg.session);
    keeper = new Renewer(cfg, requests);
  }

  /**
   * Acquires a lease. A call that does not return it leaves nothing behind.
   *
   * @param limit the call gives up when no node has answered for so long
   */
  Lease acquire(String name, AcquireOptions given, Duration limit, Interrupts interrupts) throws InterruptedException {
    cfg.checkTtl(given.ttl());
    Duration wait = Config.min(Config.max(given.waits(), Duration.ZERO), AcquireOptions.FOREVER);
    Clock.Reading start = cfg.clock.now();
    Claim claim = given.reclaim() ? new Claim(cfg.session, () -> {}) : locks.take(name, wait, given.limit(), interrupts);
    Acquisition call = new Acquisition(cfg, pending, new PendingRelease.Key(name, claim.session()), given, interrupts);
    try {
      Duration left = Config.max(wait.minus(start.until(cfg.clock.now())), Duration.ZERO);
      return keep(call.run(left, limit), given.keep(), claim.leave());
    } catch (Throwable e) {
      try {
        call.cancel(e);
      } finally {
        claim.leave().run();
      }
      throw e;
    }
  }

  private Lease keep(Hold hold, boolean keep, Runnable leave) {
    try {
      Lease lease = new Lease(this, hold, leave);
      keeper.join(hold, keep);
      return lease;
    } catch (Throwable e) { // such as no more threads
      hold.markReleased();
      throw e;
    }
  }
}
