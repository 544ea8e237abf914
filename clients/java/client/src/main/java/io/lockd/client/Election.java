package io.lockd.client;

import io.lockd.client.LockdClient.Work;
import io.lockd.client.ThreadHolds.Held;

/** Acquires a lease repeatedly, and runs work while it is held. */
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

  /** Waits until this client leads, for any time without an answer from a node. */
  private Lease campaign() throws InterruptedException {
    while (true) {
      try {
        return leases.acquire(name, options, AcquireOptions.FOREVER, Interrupts.END);
      } catch (LeaseLostException e) {
        Interrupts.END.sleep(Retry.jitter(Retry.MIN_PAUSE));
      }
    }
  }

  /**
   * Runs work. Returns true if work ended, and false if the lease was lost. Throws what work throws unless the lease
   * was lost.
   */
  private boolean leadUntilLost(Lease lease, Work work) throws Exception {
    try (lease) {
      lead(lease, work);
    } catch (InterruptedException e) {
      throw e; // not caused by a loss
    } catch (Exception e) {
      if (!lease.lost()) {
        throw e;
      }
    }
    return !lease.lost();
  }

  /** Runs work. A loss interrupts it. */
  private void lead(Lease lease, Work work) throws Exception {
    LossInterrupt interrupt = new LossInterrupt();
    lease.onLost(why -> interrupt.send());
    holds.add(name, new Held(lease, true));
    try {
      work.run(lease);
    } catch (InterruptedException e) {
      if (!interrupt.taken()) {
        throw e; // not caused by a loss
      }
    } finally {
      holds.remove(name);
      interrupt.end();
    }
  }
}
