package io.lockd.client;

import java.time.Duration;
import java.util.List;
import java.util.stream.Collectors;

/**
 * A lease as every reader sees it. It never shows a session.
 *
 * @param state free, held, delayed or breaking
 * @param holder of the first; "" where nobody holds it
 * @param token of the first; 0 where nobody holds it
 */
public record LeaseState(
    String name, String state, long revision, int limit, String holder, long token, List<Holder> holders, long queueLength) {

  /** One hold. */
  public record Holder(String holder, long token, int slot, Duration ttl, Duration held) {}

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
        raw.number("queue_length"));
  }
}
