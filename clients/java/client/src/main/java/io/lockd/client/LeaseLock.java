package io.lockd.client;

import io.lockd.client.ThreadHolds.Held;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;

/**
 * A lease in the shape of a java.util.concurrent lock. A hold belongs to the thread that locked it, for all lock
 * objects of one client and name: another thread cannot unlock it. Look at {@link #lease} between steps: a lease
 * can be lost, and then another thread may lock it. The unlock of the thread that lost it throws
 * LeaseLostException and touches nothing else.
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

  /** Whether the calling thread holds it. It may be lost: see {@link #lease}. */
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

  /** Waits for it. An interrupt does not end the wait: the thread is interrupted again when this returns. */
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
    return tryLock(Duration.ofNanos(unit.toNanos(time)), Interrupts.END); // toNanos has no overflow
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

  /** Counts another lock by the thread that holds it; throws if it is lost. */
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
   * Unlocks it, whatever comes of it. If the release is unavailable or of unknown outcome, that is thrown, and it
   * goes on in the background.
   *
   * @throws IllegalMonitorStateException if the calling thread does not hold it; then nothing is changed
   * @throws LeaseLostException if it was lost before
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
    throw new UnsupportedOperationException("a lease has no conditions: watch it");
  }

  @Override
  public String toString() {
    String threads = holds.threads(name);
    return "LeaseLock[" + name + ", " + (threads.isEmpty() ? "unlocked" : "locked by thread " + threads) + "]";
  }
}
