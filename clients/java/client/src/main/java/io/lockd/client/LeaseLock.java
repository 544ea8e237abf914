package io.lockd.client;

import io.lockd.client.ThreadHolds.Held;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;

/**
 * A lease with the interface of a java.util.concurrent lock. A hold belongs to the thread that locked it, for all lock
 * objects of one client and name. Another thread cannot unlock it. Check {@link #lease} between steps: a lease can be
 * lost, and then another thread can lock it. The unlock of the thread that lost it throws LeaseLostException and does
 * not end another hold.
 *
 * <p>{@link LockdClient#lock} is not reentrant: {@code lock()} throws IllegalStateException in the thread that
 * holds it, and {@code tryLock} returns false at once. {@link LockdClient#reentrantLock} counts per thread.
 */
public final class LeaseLock implements Lock {
  private final Leases leases;
  private final ThreadHolds holds;
  private final String name;
  private final AcquireOptions options;
  private final boolean reentrant;

  LeaseLock(Leases leases, ThreadHolds holds, String name, AcquireOptions options, boolean reentrant) {
    this.leases = leases;
    this.holds = holds;
    this.name = name;
    this.options = options;
    this.reentrant = reentrant;
  }

  /**
   * The lease that the calling thread holds.
   *
   * @throws IllegalMonitorStateException if it holds none
   */
  public Lease lease() {
    return held().lease;
  }

  /** Whether the calling thread holds the lock. The lease may be lost: see {@link #lease}. */
  public boolean isHeldByCurrentThread() {
    return holds.mine(name) != null;
  }

  private Held held() {
    Held h = holds.mine(name);
    if (h == null) {
      throw new IllegalMonitorStateException(name + " is not locked by this thread");
    }
    return h;
  }

  /** Waits for the lock. An interrupt does not end the wait. The thread is interrupted again when the call returns. */
  @Override
  public void lock() {
    try {
      lock(Interrupts.DEFER);
    } catch (InterruptedException e) {
      throw new IllegalStateException("an interrupt ended a call that defers it", e);
    }
  }

  @Override
  public void lockInterruptibly() throws InterruptedException {
    throwIfInterrupted();
    lock(Interrupts.END);
  }

  private void lock(Interrupts interrupts) throws InterruptedException {
    if (!reentrant) {
      holds.refuseReentrance(name);
    }
    if (!enterAgain()) {
      acquire(AcquireOptions.FOREVER, interrupts);
    }
  }

  @Override
  public boolean tryLock() {
    try {
      return tryLock(Duration.ZERO, Interrupts.DEFER);
    } catch (InterruptedException e) {
      throw new IllegalStateException("an interrupt ended a call that defers it", e);
    }
  }

  @Override
  public boolean tryLock(long time, TimeUnit unit) throws InterruptedException {
    throwIfInterrupted();
    return tryLock(Duration.ofNanos(unit.toNanos(time)), Interrupts.END); // toNanos does not overflow
  }

  private boolean tryLock(Duration wait, Interrupts interrupts) throws InterruptedException {
    if (!reentrant && holds.mine(name) != null) {
      return false;
    }
    if (enterAgain()) {
      return true;
    }
    try {
      acquire(wait, interrupts);
      return true;
    } catch (NotAcquiredException e) {
      return false;
    }
  }

  private static void throwIfInterrupted() throws InterruptedException {
    if (Thread.interrupted()) {
      throw new InterruptedException();
    }
  }

  /** Counts another lock call of the thread that holds the lock. Throws LeaseLostException if the lease is lost. */
  private boolean enterAgain() {
    Held h = holds.mine(name);
    if (h == null) {
      return false;
    }
    h.lease.check();
    h.count = Math.addExact(h.count, 1);
    return true;
  }

  private void acquire(Duration wait, Interrupts interrupts) throws InterruptedException {
    Lease lease = leases.acquire(name, options.withWait(wait), leases.cfg.unreachableTimeout, interrupts);
    holds.add(name, new Held(lease, false));
  }

  /**
   * Unlocks the lock, whatever the outcome of the release. If no node confirms the release, the call throws
   * UnavailableException or OutcomeUnknownException, and the release continues in the background.
   *
   * @throws IllegalMonitorStateException if the calling thread does not hold the lock; nothing is changed
   * @throws LeaseLostException if the lease was lost before
   */
  @Override
  public void unlock() {
    Held h = held();
    if (h.count == 1 && h.elected) {
      throw new IllegalMonitorStateException(name + " is held by an election, which ends with its work");
    }
    h.count--;
    if (h.count == 0) {
      holds.remove(name);
      h.lease.unlock();
    }
  }

  @Override
  public Condition newCondition() {
    throw new UnsupportedOperationException("a lease has no conditions; use LockdClient.watch");
  }

  @Override
  public String toString() {
    String threads = holds.threads(name);
    return "LeaseLock[" + name + ", " + (threads.isEmpty() ? "unlocked" : "locked by thread " + threads) + "]";
  }
}
