package io.lockd.client;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** A hold on a name. It is renewed in the background until it is released or lost. */
public final class Lease implements AutoCloseable {
  private final Talks talks;
  private final Hold hold;
  private final Runnable leave;
  private final CountDownLatch over = new CountDownLatch(1);

  Lease(Talks talks, Hold hold, Runnable leave) {
    this.talks = talks;
    this.hold = hold;
    this.leave = leave;
    hold.atEnd(why -> {
      over.countDown();
      if (why instanceof LeaseLostException) {
        leave.run(); // what is given back is left when the answer is there
      }
    });
  }

  public String name() {
    return hold.grant().name();
  }

  /** The fencing number: give it to what the lease protects. */
  public long token() {
    return hold.grant().token();
  }

  /** From 0 to limit-1, stable while held: a shard number. */
  public int slot() {
    return hold.grant().slot();
  }

  /** Whether it ended against its holder's will. */
  public boolean lost() {
    hold.expire();
    return hold.ended() instanceof LeaseLostException;
  }

  /** How long it may still be relied on; zero: stop. Ask right before what must not happen too late. */
  public Duration remaining() {
    return hold.remaining();
  }

  /** Throws LeaseLostException (or ReleasedException) unless it may still be relied on. */
  public void check() {
    hold.expire();
    LockdException ended = hold.ended();
    if (ended != null) {
      throw Talks.again(ended);
    }
    if (remaining().isZero()) {
      throw new LeaseLostException(name() + " is being handed over", null, null);
    }
  }

  /**
   * Calls once, at once, when it is lost, on whichever thread finds out. The call may not wait for
   * long. What it throws goes to that thread's handler of uncaught exceptions.
   */
  public void onLost(Consumer<LeaseLostException> call) {
    hold.atEnd(why -> {
      if (why instanceof LeaseLostException lost) {
        call.accept(lost);
      }
    });
  }

  /** Waits until it ends, and returns whether it did. For pauses in the work, instead of sleep. */
  public boolean awaitEnd(Duration timeout) throws InterruptedException {
    return over.await(timeout.toMillis(), TimeUnit.MILLISECONDS);
  }

  /** Renews it now. */
  public void renew() throws InterruptedException {
    talks.renew(hold, null, null);
  }

  /** Renews it now, with another TTL. */
  public void renew(Duration ttl) throws InterruptedException {
    talks.renew(hold, ttl, null);
  }

  /**
   * Hands it to the first waiter with this holder label, and returns the token of the new hold.
   * Stop the work first: from now on it is not held, unless the call is refused.
   */
  public long transfer(String to) throws InterruptedException {
    try {
      return talks.transfer(hold, to);
    } finally {
      if (hold.ended() != null) {
        leave.run();
      }
    }
  }

  /**
   * Gives it back. Stop the work first: from now on it is not held, whatever comes of it. It may
   * be repeated.
   */
  public void release() throws InterruptedException {
    release(Duration.ZERO);
  }

  /** Gives it back, and keeps everybody from it for the delay. */
  public void release(Duration delay) throws InterruptedException {
    try {
      talks.release(hold, delay);
    } finally {
      leave.run();
    }
  }

  /**
   * Gives it back at the end of a try block.
   *
   * @throws LeaseLostException where it was lost meanwhile
   */
  @Override
  public void close() {
    hold.expire();
    LockdException ended = hold.ended();
    if (ended instanceof ReleasedException) {
      return;
    }
    boolean interrupted = Thread.interrupted(); // it goes back all the same
    try {
      release();
    } catch (InterruptedException e) {
      interrupted = true;
    } catch (LockdException e) {
      if (ended == null) {
        throw e;
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
    if (ended != null) {
      throw Talks.again(ended);
    }
  }

  @Override
  public String toString() {
    return "Lease[" + name() + ", token " + token() + ", " + remaining().toMillis() + " ms left]";
  }
}
