package io.lockd.client;

import java.time.Duration;
import java.util.Map;

/**
 * The options of an acquire. Start with {@link #DEFAULT}, {@link #ttl} or {@link #waiting}.
 *
 * @param ttl 1 s to 24 h
 * @param waits how long to wait in the queue
 * @param limit how many holds the lease may have at once; above 1 each further hold of a client has its own session
 * @param delay how long the lease stays unavailable after this hold expires or is broken
 * @param priority from -100 to 100; it orders the queue and does not end a hold
 * @param meta an object that every reader sees; null: none
 * @param reclaim if the session holds the lease already, gives it a new token, which fences off an earlier process
 * @param keep whether the lease is renewed in the background; otherwise it ends at its deadline
 */
public record AcquireOptions(
    Duration ttl, Duration waits, int limit, Duration delay, int priority, Map<String, Object> meta, boolean reclaim, boolean keep) {

  /** A wait without a time limit. An interrupt ends it. */
  public static final Duration FOREVER = Duration.ofDays(365_000);

  /** A TTL of 15 s, no wait, a limit of 1, and renewal in the background. */
  public static final AcquireOptions DEFAULT =
      new AcquireOptions(Config.DEFAULT_TTL, Duration.ZERO, 1, Duration.ZERO, 0, null, false, true);

  /** The default with another TTL. */
  public static AcquireOptions ttl(Duration ttl) {
    return DEFAULT.withTtl(ttl);
  }

  /** The default with a wait. */
  public static AcquireOptions waiting(Duration wait) {
    return DEFAULT.withWait(wait);
  }

  public AcquireOptions withTtl(Duration of) {
    return new AcquireOptions(of, waits, limit, delay, priority, meta, reclaim, keep);
  }

  public AcquireOptions withWait(Duration of) {
    return new AcquireOptions(ttl, of, limit, delay, priority, meta, reclaim, keep);
  }

  public AcquireOptions withLimit(int of) {
    return new AcquireOptions(ttl, waits, of, delay, priority, meta, reclaim, keep);
  }

  public AcquireOptions withDelay(Duration of) {
    return new AcquireOptions(ttl, waits, limit, of, priority, meta, reclaim, keep);
  }

  public AcquireOptions withPriority(int of) {
    return new AcquireOptions(ttl, waits, limit, delay, of, meta, reclaim, keep);
  }

  public AcquireOptions withMeta(Map<String, Object> of) {
    return new AcquireOptions(ttl, waits, limit, delay, priority, of, reclaim, keep);
  }

  public AcquireOptions withReclaim(boolean of) {
    return new AcquireOptions(ttl, waits, limit, delay, priority, meta, of, keep);
  }

  public AcquireOptions withKeep(boolean of) {
    return new AcquireOptions(ttl, waits, limit, delay, priority, meta, reclaim, of);
  }
}
