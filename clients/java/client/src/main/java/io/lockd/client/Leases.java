package io.lockd.client;

import io.lockd.client.LocalLocks.Turn;
import java.time.Duration;

/** Acquires leases, and holds what they share. */
final class Leases {
  final Config cfg;
  final PendingReleases pending = new PendingReleases();
  final HoldRequests requests;
  private final LocalLocks locks;
  private final Keeper keeper;

  Leases(Config cfg) {
    this.cfg = cfg;
    requests = new HoldRequests(cfg);
    locks = new LocalLocks(cfg.session);
    keeper = new Keeper(cfg, requests);
  }

  /**
   * Acquires a lease. A call that does not return it leaves nothing behind.
   *
   * @param limit the call gives up when no node has answered for so long
   */
  Lease acquire(String name, AcquireOptions given, Duration limit, Interrupts interrupts) throws InterruptedException {
    cfg.checkTtl(given.ttl());
    Duration wait = Config.min(Config.max(given.waits(), Duration.ZERO), AcquireOptions.FOREVER);
    Moment start = cfg.clock.now();
    Turn turn = given.reclaim() ? new Turn(cfg.session, () -> {}) : locks.take(name, wait, given.limit(), interrupts);
    Acquisition call = new Acquisition(cfg, pending, new PendingRelease.Key(name, turn.session()), given, interrupts);
    try {
      Duration left = Config.max(wait.minus(start.until(cfg.clock.now())), Duration.ZERO);
      return keep(call.run(left, limit), given.keep(), turn.leave());
    } catch (Throwable e) {
      try {
        call.cancel(e);
      } finally {
        turn.leave().run();
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
      hold.giveBack();
      throw e;
    }
  }
}
