package io.lockd.client;

import java.time.Duration;
import java.util.List;

/**
 * A lease as every reader sees it. It never contains a session.
 *
 * @param state free, held, delayed or breaking
 * @param holder of the first hold; "" if there is none
 * @param token of the first hold; 0 if there is none
 * @param queue in the order in which the waiters get the lease
 */
public record LeaseState(
    String name, String state, long revision, int limit, String holder, long token, List<Holder> holders, long queueLength,
    List<Waiter> queue) {

  /** One hold. */
  public record Holder(String holder, long token, int slot, Duration ttl, Duration held) {}

  /** One place in the queue. */
  public record Waiter(String holder, int priority, Duration waiting) {}
}
