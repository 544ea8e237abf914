package io.lockd.client;

import io.lockd.client.LockdClient.Work;
import io.lockd.client.ThreadHolds.Held;

/** Campaigns for a lease, and runs work while it is held. */
final class Election {
  private final Leases leases;
  private final ThreadHolds holds;
  private final String name;
  private final AcquireOptions options;

  Election(Leases leases, ThreadHolds holds, String name, AcquireOptions options) {
    this.leases = leases;
    this.holds = holds;
    this.name = name;
    this.options = options.withWait(AcquireOptions.FOREVER);
  }

  void run(Work work) throws Exception {
    holds.refuseReentrance(name);
    while (!leadUntilLost(campaign(), work)) {
      Interrupts.END.sleep(Retry.jitter(Retry.MIN_PAUSE));
    }
  }

  /** Waits to lead, however long no node answers. */
  private Lease campaign() throws InterruptedException {
    while (true) {
      try {
        return leases.acquire(name, options, AcquireOptions.FOREVER, Interrupts.END);
      } catch (LeaseLostException e) {
        Interrupts.END.sleep(Retry.jitter(Retry.MIN_PAUSE));
      }
    }
  }

  /** Runs work, and returns whether it ended by itself; false: the lead was lost. Otherwise the work's error is its own. */
  private boolean leadUntilLost(Lease lease, Work work) throws Exception {
    try (lease) {
      lead(lease, work);
    } catch (InterruptedException e) {
      throw e; // not of a loss
    } catch (Exception e) {
      if (!lease.lost()) {
        throw e;
      }
    }
    return !lease.lost();
  }

  /** Runs work, interrupted by a loss. */
  private void lead(Lease lease, Work work) throws Exception {
    LossInterrupt interrupt = new LossInterrupt();
    lease.onLost(why -> interrupt.send());
    holds.add(name, new Held(lease, true));
    try {
      work.run(lease);
    } catch (InterruptedException e) {
      if (!interrupt.taken()) {
        throw e; // not of a loss
      }
    } finally {
      holds.remove(name);
      interrupt.end();
    }
  }
}
