package io.lockd.client;

import io.lockd.client.LocalLock.Claim;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;

/** Acquires leases. It has the state that the leases of a client share. */
final class Leases {
  private static final int MAX_NAMES = 64; // of one acquireAll

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
   * Acquires a lease. A call that throws releases what it may have acquired.
   *
   * @param limit the call throws if no node has answered for so long
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

  /** Acquires all leases or none, and does not wait. A call that throws releases what it may have acquired. */
  List<Lease> acquireAll(List<String> given, AcquireOptions options) throws InterruptedException {
    List<String> names = List.copyOf(given);
    checkAll(names, options);
    AllAcquisition call = new AllAcquisition(cfg, pending, names, options);
    List<Claim> claims = new ArrayList<>();
    try {
      for (String name : names) {
        claims.add(locks.take(name, Duration.ZERO, 1, Interrupts.END));
      }
      List<Hold> holds = call.run();
      List<Lease> leases = new ArrayList<>();
      for (int i = 0; i < holds.size(); i++) {
        leases.add(keep(holds.get(i), options.keep(), claims.get(i).leave()));
      }
      return leases;
    } catch (Throwable e) {
      try {
        call.cancel();
      } finally {
        claims.forEach(c -> c.leave().run());
      }
      throw e;
    }
  }

  private void checkAll(List<String> names, AcquireOptions o) {
    cfg.checkTtl(o.ttl());
    if (names.isEmpty() || names.size() > MAX_NAMES) {
      throw new IllegalArgumentException(names.size() + " names: acquireAll needs 1 to " + MAX_NAMES);
    }
    if (new HashSet<>(names).size() < names.size()) {
      throw new IllegalArgumentException("a name is given twice in " + names);
    }
    if (!AcquireOptions.DEFAULT.withTtl(o.ttl()).withMeta(o.meta()).withKeep(o.keep()).equals(o)) {
      throw new IllegalArgumentException("acquireAll has only the options ttl, meta and keep, not " + o);
    }
  }

  private Lease keep(Hold hold, boolean keep, Runnable leave) {
    try {
      Lease lease = new Lease(this, hold, leave);
      keeper.join(hold, keep);
      return lease;
    } catch (Throwable e) { // for example, there are no more threads
      hold.markReleased();
      throw e;
    }
  }
}
