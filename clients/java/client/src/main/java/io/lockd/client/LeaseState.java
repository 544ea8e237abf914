package io.lockd.client;

import java.time.Duration;
import java.util.List;
import java.util.stream.Collectors;

/**
 * A lease as every reader sees it. It never shows a session.
 *
 * @param state free, held, delayed or breaking
 * @param holder of the first hold; "" if there is none
 * @param token of the first hold; 0 if there is none
 * @param queue in the order in which it is served
 */
public record LeaseState(
    String name, String state, long revision, int limit, String holder, long token, List<Holder> holders, long queueLength,
    List<Waiter> queue) {

  /** One hold. */
  public record Holder(String holder, long token, int slot, Duration ttl, Duration held) {}

  /** One place in the queue. */
  public record Waiter(String holder, int priority, Duration waiting) {}

  static LeaseState of(Json raw, String name) {
    LeaseState s = of(raw);
    if (!s.name.equals(name)) {
      throw new IllegalArgumentException("it is of another lease");
    }
    return s;
  }

  static LeaseState of(Json raw) {
    return new LeaseState(
        raw.name("name"),
        raw.text("state"),
        raw.number("revision"),
        (int) raw.number("limit"),
        raw.text("holder"),
        raw.number("token"),
        raw.list("holders").stream()
            .map(h -> new Holder(h.text("holder"), h.token(), (int) h.number("slot"), h.millis("ttl_ms"), h.millis("held_ms")))
            .collect(Collectors.toList()),
        raw.number("queue_length"),
        raw.list("queue").stream()
            .map(w -> new Waiter(w.text("holder"), w.integer("priority"), w.millis("waiting_ms")))
            .collect(Collectors.toList()));
  }
}
