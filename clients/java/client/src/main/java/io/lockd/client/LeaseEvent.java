package io.lockd.client;

import java.util.Optional;
import java.util.Set;

/**
 * One change of one lease.
 *
 * @param type state, synced, acquired, released, expired, broken, transferred, delayed, free, …
 * @param cause acquired: how the last hold ended; delayed, free: what ended the hold
 * @param lease the whole, with type "state"
 */
public record LeaseEvent(
    String type, long revision, String name, String holder, long token, String cause, String reason, String by, String to, Optional<LeaseState> lease) {

  private static final Set<String> OF_A_LEASE = Set.of(
      "acquired", "released", "expired", "broken", "transferred", "delayed", "free", "meta", "step_down", "reclaimed");

  static LeaseEvent of(String type, String id, Json raw) {
    String kind = type.isEmpty() ? raw.text("type") : type;
    if (OF_A_LEASE.contains(kind)) {
      raw.name("name");
    }
    Optional<LeaseState> lease =
        raw.has("lease") || kind.equals("state") ? Optional.of(LeaseState.of(raw.get("lease"))) : Optional.empty();
    long revision = raw.number("revision");
    if (revision == 0 && id.matches("[0-9]{1,15}")) {
      revision = Long.parseLong(id);
    }
    return new LeaseEvent(
        kind,
        revision,
        raw.has("name") ? raw.text("name") : lease.map(LeaseState::name).orElse(""),
        raw.has("holder") ? raw.text("holder") : lease.map(LeaseState::holder).orElse(""),
        raw.has("token") ? raw.number("token") : lease.map(LeaseState::token).orElse(0L),
        raw.text("cause"),
        raw.text("reason"),
        raw.text("by"),
        raw.text("to"),
        lease);
  }
}
