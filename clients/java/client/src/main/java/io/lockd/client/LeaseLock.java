package io.lockd.client;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;

/**
 * A lease in the shape of a java.util.concurrent lock. It is owned by the object and not by a
 * thread, and it is not reentrant. A lock that is lost stays locked here until it is unlocked,
 * which then throws LeaseLostException: look at {@link #lease} between steps.
 */
public final class LeaseLock implements Lock {
  private final LockdClient client;
  private final String name;
  private final AcquireOptions options;
  private volatile Lease lease;

  LeaseLock(LockdClient client, String name, AcquireOptions options) {
    this.client = client;
    this.name = name;
    this.options = options;
  }

  /** What is held. */
  public Lease lease() {
    Lease l = lease;
    if (l == null) {
      throw new IllegalMonitorStateException(name + " is not locked");
    }
    return l;
  }

  @Override
  public void lock() {
    boolean interrupted = false;
    while (true) {
      try {
        lockInterruptibly();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void lockInterruptibly() throws InterruptedException {
    lease = client.acquire(name, options.withWait(AcquireOptions.FOREVER));
  }

  @Override
  public boolean tryLock() {
    try {
      return tryLock(0, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  @Override
  public boolean tryLock(long time, TimeUnit unit) throws InterruptedException {
    try {
      lease = client.acquire(name, options.withWait(Duration.of(Math.max(time, 0), unit.toChronoUnit())));
      return true;
    } catch (NotAcquiredException e) {
      return false;
    }
  }

  @Override
  public void unlock() {
    Lease l = lease();
    lease = null;
    l.close();
  }

  @Override
  public Condition newCondition() {
    throw new UnsupportedOperationException("a lease has no conditions: watch it");
  }
}
