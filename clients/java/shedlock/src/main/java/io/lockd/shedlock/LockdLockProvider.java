package io.lockd.shedlock;

import io.lockd.client.AcquireOptions;
import io.lockd.client.Lease;
import io.lockd.client.LeaseLostException;
import io.lockd.client.LockdClient;
import io.lockd.client.NotAcquiredException;
import io.lockd.client.OutcomeUnknownException;
import io.lockd.client.UnavailableException;
import java.time.Duration;
import java.util.Optional;
import net.javacrumbs.shedlock.core.AbstractSimpleLock;
import net.javacrumbs.shedlock.core.ClockProvider;
import net.javacrumbs.shedlock.core.ExtensibleLockProvider;
import net.javacrumbs.shedlock.core.LockConfiguration;
import net.javacrumbs.shedlock.core.SimpleLock;
import net.javacrumbs.shedlock.support.LockException;

/**
 * ShedLock's locks, kept by lockd. A lock is a lease that nothing renews: it ends when
 * lockAtMostFor has passed, or a second has, whichever is more, since no lease is shorter.
 */
public final class LockdLockProvider implements ExtensibleLockProvider {
  private static final System.Logger LOG = System.getLogger("io.lockd.shedlock");
  private static final Duration SHORTEST = Duration.ofSeconds(1);
  private static final Duration LONGEST_DELAY = Duration.ofSeconds(60);

  private final LockdClient client;
  private final LeaseNames names;

  /** Locks by their own names. */
  public LockdLockProvider(LockdClient client) {
    this(client, "");
  }

  /**
   * Locks by names that begin with a prefix, such as "jobs/", so that they meet no other leases. The
   * name of a lock may be any text: what no lease's name may have is written as a colon and two
   * hexadecimal digits, and two names never become one.
   */
  public LockdLockProvider(LockdClient client, String prefix) {
    this.client = client;
    this.names = new LeaseNames(prefix);
  }

  @Override
  public Optional<SimpleLock> lock(LockConfiguration wanted) {
    try {
      AcquireOptions options = AcquireOptions.ttl(ttl(wanted.getLockAtMostFor())).withKeep(false);
      return Optional.of(new LeasedLock(wanted, client.acquire(names.of(wanted.getName()), options)));
    } catch (NotAcquiredException e) {
      return Optional.empty();
    } catch (InterruptedException e) {
      throw interrupted(e);
    }
  }

  private static Duration ttl(Duration wanted) {
    return wanted.compareTo(SHORTEST) < 0 ? SHORTEST : wanted;
  }

  private static LockException interrupted(InterruptedException e) {
    Thread.currentThread().interrupt();
    return new LockException("interrupted", e);
  }

  private static final class LeasedLock extends AbstractSimpleLock {
    private final Lease lease;

    LeasedLock(LockConfiguration wanted, Lease lease) {
      super(wanted);
      this.lease = lease;
    }

    @Override
    protected void doUnlock() {
      Duration atLeast = Duration.between(ClockProvider.now(), lockConfiguration.getLockAtLeastUntil());
      try {
        if (atLeast.isNegative() || atLeast.isZero()) {
          lease.release();
        } else if (atLeast.compareTo(LONGEST_DELAY) <= 0) {
          lease.release(atLeast);
        } else {
          lease.renew(atLeast); // and it ends by itself
        }
      } catch (LeaseLostException e) {
        // it had ended already
      } catch (UnavailableException | OutcomeUnknownException e) {
        // The task has run, so this is no error of it. The client goes on with a release, and the lease ends at its expiry.
        LOG.log(System.Logger.Level.WARNING, () -> lockConfiguration.getName() + ": the task has finished, but its unlock is not confirmed: " + e.getMessage());
      } catch (InterruptedException e) {
        throw interrupted(e);
      }
    }

    @Override
    protected Optional<SimpleLock> doExtend(LockConfiguration longer) {
      try {
        lease.renew(ttl(longer.getLockAtMostFor()));
        return Optional.of(new LeasedLock(longer, lease));
      } catch (LeaseLostException e) {
        return Optional.empty();
      } catch (InterruptedException e) {
        throw interrupted(e);
      }
    }
  }
}
