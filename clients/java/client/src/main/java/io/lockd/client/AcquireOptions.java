package io.lockd.client;

import java.time.Duration;
import java.util.Map;

/**
 * How a lease is wanted. Begin with {@link #DEFAULT}, or with one of {@link #ttl} and {@link #waiting}.
 *
 * @param ttl 1 s to 24 h
 * @param waits how long to stand in the queue
 * @param limit how many may hold at once; above 1 each hold of one client has a session of its own
 * @param delay how long nobody gets the lease after this hold expired or was broken
 * @param priority from -100 to 100: it orders the queue and ends nobody's hold
 * @param meta what every reader sees; null: nothing
 * @param reclaim gives a session that holds the lease already a new token, and so fences off an older self
 * @param keep whether it is renewed in the background; else it ends at its deadline
 */
public record AcquireOptions(
    Duration ttl, Duration waits, int limit, Duration delay, int priority, Map<String, Object> meta, boolean reclaim, boolean keep) {

  /** A wait that only an interrupt ends. */
  public static final Duration FOREVER = Duration.ofDays(365_000);

  /** Asks once for a lease of 15 s with one holder, and keeps it. */
  public static final AcquireOptions DEFAULT =
      new AcquireOptions(Config.DEFAULT_TTL, Duration.ZERO, 1, Duration.ZERO, 0, null, false, true);

  /** The default with another TTL. */
  public static AcquireOptions ttl(Duration ttl) {
    return DEFAULT.withTtl(ttl);
  }

  /** The default, waiting. */
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
