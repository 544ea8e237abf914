package io.lockd.client;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** A hold of a name. It is renewed in the background until it is released or lost. */
public final class Lease implements AutoCloseable {
  private static final Duration GUARDED_TIMEOUT = Duration.ofSeconds(5); // of the release at the end of a try block
  private static final Duration LOST_TIMEOUT = Duration.ofSeconds(1); // of the release of a lost lease
  private static final System.Logger LOG = System.getLogger("io.lockd.client");

  private final Leases leases;
  private final Hold hold;
  private final Runnable leave;
  private final CountDownLatch over = new CountDownLatch(1);
  private final Optional<Previous> previous; // of the acquire: a renewal does not report it
  private PendingRelease ending; // null until it is released

  Lease(Leases leases, Hold hold, Runnable leave) {
    this.leases = leases;
    this.hold = hold;
    this.leave = leave;
    this.previous = hold.grant().previous();
    hold.atEnd(why -> {
      over.countDown();
      if (why instanceof LeaseLostException) {
        leave.run(); // after a release it runs when the answer is there
      }
    });
  }

  public String name() {
    return hold.grant().name();
  }

  /** The fencing token: send it to the resource that the lease protects. */
  public long token() {
    return hold.grant().token();
  }

  /** A number from 0 to limit-1, constant during the hold. It can be used as a shard number. */
  public int slot() {
    return hold.grant().slot();
  }

  /** How the last hold ended, if that is known. */
  public Optional<Previous> previous() {
    return previous;
  }

  /** An operator's request to hand the lease over, as the last renewal reported it. */
  public Optional<StepDown> stepDown() {
    return hold.grant().stepDown();
  }

  /** Whether the lease was lost. */
  public boolean lost() {
    hold.expire();
    return hold.ended() instanceof LeaseLostException;
  }

  /** Returns the time until the local deadline; zero: stop. Call it right before an action that must not be late. */
  public Duration remaining() {
    return hold.remaining();
  }

  /** Throws LeaseLostException or ReleasedException unless the lease is held and its local deadline has not passed. */
  public void check() {
    hold.expire();
    LockdException ended = hold.ended();
    if (ended != null) {
      throw Operations.again(ended);
    }
    if (remaining().isZero()) {
      throw new LeaseLostException(name() + " is being transferred", null, null);
    }
  }

  /**
   * Calls a function once, when the lease is lost, on the thread that detects the loss. The function must return soon.
   * What it throws goes to that thread's handler of uncaught exceptions.
   */
  public void onLost(Consumer<LeaseLostException> call) {
    hold.atEnd(why -> {
      if (why instanceof LeaseLostException lost) {
        call.accept(lost);
      }
    });
  }

  /** Waits until the lease ends. Returns false after the timeout. Use it instead of sleep for pauses in the work. */
  public boolean awaitEnd(Duration timeout) throws InterruptedException {
    return Interrupts.END.run(timeout, nanos -> over.await(nanos, TimeUnit.NANOSECONDS));
  }

  /** Renews the lease now. */
  public void renew() throws InterruptedException {
    leases.requests.renew(hold, null, null);
  }

  /** Renews the lease now, with another TTL. */
  public void renew(Duration ttl) throws InterruptedException {
    leases.requests.renew(hold, ttl, null);
  }

  /**
   * Transfers the lease to the first waiter with this holder label, and returns the token of the new hold. Stop the
   * work first: from now on the lease is not held, unless the transfer is refused.
   */
  public long transfer(String to) throws InterruptedException {
    try {
      return leases.requests.transfer(hold, to);
    } catch (OutcomeUnknownException | InterruptedException e) {
      leases.pending.inBackground(ending(true)); // if it was not applied, the hold would last until its expiry
      throw e;
    } finally {
      if (hold.ended() != null) {
        leave.run();
      }
    }
  }

  /**
   * Releases the lease. Stop the work first: from now on the lease is not held, whatever the outcome. If no node
   * confirms the release, the call throws UnavailableException or OutcomeUnknownException, and the release continues in
   * the background. A repeat is allowed.
   *
   * @throws LeaseLostException if a node reports that the hold had ended before, and this lease did not know it
   */
  public void release() throws InterruptedException {
    release(Duration.ZERO);
  }

  /** Releases the lease. No client gets it during the delay. */
  public void release(Duration delay) throws InterruptedException {
    if (hold.ended() instanceof ReleasedException && !releasing()) {
      return; // it was transferred
    }
    PendingRelease r = ending(false);
    if (!delay.isZero()) {
      r.delay(delay);
    }
    release(r, null, Interrupts.END);
  }

  private void release(PendingRelease r, Duration budget, Interrupts interrupts) throws InterruptedException {
    hold.markReleased();
    try {
      if (!r.certain()) {
        leases.pending.release(r, budget, interrupts);
      }
      r.report();
    } finally {
      leave.run();
    }
  }

  private synchronized boolean releasing() {
    return ending != null;
  }

  /** Returns the release of this lease. There is only one, so that a repeat knows of its earlier copies. */
  private synchronized PendingRelease ending(boolean transferred) {
    if (ending == null) {
      ending = PendingRelease.of(leases.cfg, hold, transferred);
    }
    return ending;
  }

  /**
   * Releases the lease at the end of a try block. If no node confirms the release within 5 s, the call logs a warning
   * and does not throw, because the work has finished. The release then continues in the background, unless the
   * credentials were refused: then the lease ends with its TTL.
   *
   * @throws LeaseLostException if it was lost meanwhile
   */
  @Override
  public void close() {
    try {
      end(GUARDED_TIMEOUT);
    } catch (UnavailableException | OutcomeUnknownException | UnauthenticatedException | NotAllowedException e) {
      String rest = LockdException.isDenied(e) ? "; the lease ends with its TTL" : "";
      LOG.log(System.Logger.Level.WARNING, () -> name() + ": the work has finished, but its release is not confirmed: " + e.getMessage() + rest);
    }
  }

  /** Releases the lease, and throws if no node confirms it. */
  void unlock() {
    end(null);
  }

  private void end(Duration budget) {
    hold.expire();
    LockdException ended = hold.ended();
    if (ended instanceof ReleasedException) {
      return;
    }
    try {
      release(ending(false), ended == null ? budget : LOST_TIMEOUT, Interrupts.DEFER);
    } catch (InterruptedException e) {
      throw new IllegalStateException("an interrupt ended a call that defers it", e);
    } catch (LockdException e) {
      if (ended == null) {
        throw e;
      }
    }
    if (ended != null) {
      throw Operations.again(ended);
    }
  }

  @Override
  public String toString() {
    return "Lease[" + name() + ", token " + token() + ", " + remaining().toMillis() + " ms left]";
  }
}
