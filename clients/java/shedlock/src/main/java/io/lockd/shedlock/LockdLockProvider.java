package io.lockd.shedlock;

import io.lockd.client.AcquireOptions;
import io.lockd.client.Lease;
import io.lockd.client.LeaseLostException;
import io.lockd.client.LockdClient;
import io.lockd.client.NotAcquiredException;
import io.lockd.client.NotAllowedException;
import io.lockd.client.OutcomeUnknownException;
import io.lockd.client.UnauthenticatedException;
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
 * A ShedLock provider with lockd. A lock is a lease that is not renewed. It ends after lockAtMostFor, but not before a
 * second, which is the shortest TTL.
 */
public final class LockdLockProvider implements ExtensibleLockProvider {
  private static final System.Logger LOG = System.getLogger("io.lockd.shedlock");
  private static final Duration SHORTEST = Duration.ofSeconds(1);
  private static final Duration LONGEST_DELAY = Duration.ofSeconds(60);

  private final LockdClient client;
  private final LeaseNames names;

  /** Creates a provider that uses the names of locks as names of leases. */
  public LockdLockProvider(LockdClient client) {
    this(client, "");
  }

  /**
   * Creates a provider whose leases have names with a prefix, such as "jobs/", so that they differ from other leases.
   * The name of a lock can be any text: characters that are not allowed in the name of a lease are written as a colon
   * and two hexadecimal digits. Two lock names never have the same lease name.
   */
  public LockdLockProvider(LockdClient client, String prefix) {
    this.client = client;
    this.names = new LeaseNames(prefix);
  }

  @Override
  public Optional<SimpleLock> lock(LockConfiguration configuration) {
    try {
      AcquireOptions options = AcquireOptions.ttl(ttl(configuration.getLockAtMostFor())).withKeep(false);
      return Optional.of(new LeasedLock(configuration, client.acquire(names.of(configuration.getName()), options)));
    } catch (NotAcquiredException e) {
      return Optional.empty();
    } catch (InterruptedException e) {
      throw interrupted(e);
    }
  }

  private static Duration ttl(Duration configuration) {
    return configuration.compareTo(SHORTEST) < 0 ? SHORTEST : configuration;
  }

  private static LockException interrupted(InterruptedException e) {
    Thread.currentThread().interrupt();
    return new LockException("interrupted", e);
  }

  private static final class LeasedLock extends AbstractSimpleLock {
    private final Lease lease;

    LeasedLock(LockConfiguration configuration, Lease lease) {
      super(configuration);
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
          lease.renew(atLeast); // the lease ends with this TTL
        }
      } catch (LeaseLostException e) {
        // the lease has ended already
      } catch (UnavailableException | OutcomeUnknownException | UnauthenticatedException | NotAllowedException e) {
        // This is not an error of the task, which has finished. The client continues the release in the background if
        // the credentials were not refused, and the lease ends with its TTL.
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
