package io.lockd.client;

import io.lockd.client.Hold.Grant;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiFunction;

/**
 * Validates the form of answers: a proxy may answer a 200 with something else. Each method throws
 * IllegalArgumentException for another form. The client treats such an answer as a missing one.
 */
final class Validate {
  // The types of events that name a lease. Events of unknown types are not checked.
  private static final Set<String> OF_A_LEASE = Set.of(
      "acquired", "released", "expired", "broken", "transferred", "delayed", "free", "meta", "step_down", "reclaimed");

  private Validate() {}

  static Grant grant(Json raw) {
    Duration ttl = validity(raw, "ttl_ms");
    if (ttl.isZero()) {
      throw new IllegalArgumentException("ttl_ms is missing");
    }
    return new Grant(
        raw.name("name"), raw.text("holder"), raw.token(), raw.count("slot"), ttl, required(raw, "expires_in_ms", Validate::validity),
        validity(raw, "waited_ms"), previous(raw), stepDown(raw));
  }

  /** Reads a grant of this lease. If token is not 0, the grant must have it. */
  static Grant grant(Json raw, String name, long token) {
    Grant g = grant(raw);
    if (!g.name().equals(name) || token != 0 && g.token() != token) {
      throw new IllegalArgumentException("it belongs to another hold");
    }
    return g;
  }

  /** Reads the grants of an acquire of several leases. They must be in the order of the names. */
  static List<Grant> grants(Json raw, List<String> names) {
    List<Json> leases = raw.fullList("leases");
    if (leases.size() != names.size()) {
      throw new IllegalArgumentException(names.size() + " leases were requested, " + leases.size() + " were granted");
    }
    List<Grant> grants = new ArrayList<>();
    for (int i = 0; i < leases.size(); i++) {
      Map<String, Object> one = new LinkedHashMap<>(raw.members());
      for (String key : List.of("name", "token", "slot", "previous", "step_down")) {
        one.put(key, leases.get(i).members().get(key));
      }
      grants.add(grant(Json.of(one), names.get(i), 0));
    }
    return grants;
  }

  /** Reads a duration from which a deadline is computed. It cannot be longer than the longest TTL. */
  static Duration validity(Json raw, String key) {
    Duration d = raw.millis(key);
    if (d.compareTo(Config.MAX_TTL) > 0) {
      throw new IllegalArgumentException(key + " is longer than the longest TTL");
    }
    return d;
  }

  private static <T> T required(Json raw, String key, BiFunction<Json, String, T> read) {
    if (!raw.has(key)) {
      throw new IllegalArgumentException(key + " is missing");
    }
    return read.apply(raw, key);
  }

  private static Optional<Duration> optionalMillis(Json raw, String key) {
    return raw.has(key) ? Optional.of(raw.millis(key)) : Optional.empty();
  }

  private static Optional<Previous> previous(Json raw) {
    if (!raw.has("previous")) {
      return Optional.empty();
    }
    Json p = raw.get("previous");
    return Optional.of(new Previous(p.text("holder"), p.number("token"), p.text("end")));
  }

  private static Optional<StepDown> stepDown(Json raw) {
    if (!raw.has("step_down")) {
      return Optional.empty();
    }
    Json s = raw.get("step_down");
    return Optional.of(new StepDown(s.text("to"), optionalMillis(s, "within_ms")));
  }

  /** One hold in the answer to a renewal of several holds of a session. */
  record Renewed(Duration expiresIn, Optional<StepDown> stepDown) {}

  /** The answer to a renewal of several holds of a session: the holds by token and name. */
  record Renewals(Map<String, Renewed> holds, Duration waited) {
    Renewed of(Grant g) {
      return holds.get(g.token() + " " + g.name());
    }
  }

  static Renewals renewals(Json raw) {
    Map<String, Renewed> holds = new LinkedHashMap<>();
    for (Json l : raw.fullList("leases")) {
      holds.put(l.token() + " " + l.name("name"), new Renewed(required(l, "expires_in_ms", Validate::validity), stepDown(l)));
    }
    return new Renewals(holds, validity(raw, "waited_ms"));
  }

  static LeaseState state(Json raw) {
    return new LeaseState(
        raw.name("name"), raw.text("state"), raw.number("revision"), raw.count("limit"), raw.text("holder"), raw.number("token"),
        raw.list("holders").stream().map(Validate::holder).toList(), raw.number("queue_length"),
        raw.list("queue").stream()
            .map(w -> new LeaseState.Waiter(w.text("holder"), w.integer("priority"), w.millis("waiting_ms")))
            .toList());
  }

  private static LeaseState.Holder holder(Json h) {
    return new LeaseState.Holder(h.text("holder"), h.token(), h.count("slot"), h.millis("ttl_ms"), h.millis("held_ms"));
  }

  /** Reads the state of this lease. */
  static LeaseState state(Json raw, String name) {
    LeaseState s = state(raw);
    if (!s.name().equals(name)) {
      throw new IllegalArgumentException("it belongs to another lease");
    }
    return s;
  }

  /** One page of a list; next is the cursor of the next page, "" at the end. */
  record Page(List<LeaseState> leases, String next) {}

  static Page page(Json raw) {
    return new Page(raw.fullList("leases").stream().map(Validate::state).toList(), raw.text("next"));
  }

  /** Reads the answer that a token is current. */
  static boolean current(Json raw, long token) {
    if (raw.token() != token) {
      throw new IllegalArgumentException("it belongs to another hold");
    }
    return true;
  }

  /** The answer to a release by token. Ended is how the hold had ended before; "" if that is not known. */
  record Released(boolean wasHeld, String ended) {}

  static Released released(Json raw) {
    return new Released(required(raw, "was_held", (r, key) -> r.bool(key, false)), raw.text("ended"));
  }

  /** Checks that an answer is about this hold. */
  private static void checkHold(Json raw, String name, long token) {
    if (!raw.text("name").equals(name) || raw.token() != token) {
      throw new IllegalArgumentException("it belongs to another hold");
    }
  }

  static Broken broken(Json raw, String name, long token) {
    checkHold(raw, name, token);
    return new Broken(name, token, required(raw, "available_in_ms", Json::millis), raw.number("revision"));
  }

  static StepDownRequested stepDownRequested(Json raw, String name, long token) {
    checkHold(raw, name, token);
    StepDown stepDown = stepDown(raw).orElse(new StepDown("", Optional.empty()));
    return new StepDownRequested(name, raw.text("holder"), token, stepDown, raw.number("revision"));
  }

  /** Reads an event. The fields "event" and "id" of a stream take precedence over type and revision; "": none. */
  static LeaseEvent event(String type, String id, Json raw) {
    String kind = type.isEmpty() ? raw.text("type") : type;
    if (OF_A_LEASE.contains(kind)) {
      raw.name("name");
    }
    Optional<LeaseState> lease = raw.has("lease") || kind.equals("state") ? Optional.of(state(raw.get("lease"))) : Optional.empty();
    long revision = raw.number("revision");
    if (revision == 0 && id.matches("[0-9]{1,15}")) {
      revision = Long.parseLong(id);
    }
    return new LeaseEvent(
        kind, revision, time(raw),
        raw.has("name") ? raw.text("name") : lease.map(LeaseState::name).orElse(""),
        raw.has("holder") ? raw.text("holder") : lease.map(LeaseState::holder).orElse(""),
        raw.has("token") ? raw.number("token") : lease.map(LeaseState::token).orElse(0L),
        raw.text("cause"), raw.text("reason"), raw.text("by"), raw.text("to"), optionalMillis(raw, "held_ms"), lease);
  }

  /** Reads the wall time of an event. It is for people, so a value that is not a time counts as absent. */
  private static Optional<Instant> time(Json raw) {
    try {
      return raw.has("at") ? Optional.of(Instant.parse(raw.get("at").string())) : Optional.empty();
    } catch (DateTimeParseException e) {
      return Optional.empty();
    }
  }

  static LeaseHistory history(Json raw, String name) {
    if (!raw.text("name").equals(name)) {
      throw new IllegalArgumentException("it belongs to another lease");
    }
    List<LeaseEvent> events = raw.fullList("events").stream().map(e -> event("", "", e)).toList();
    return new LeaseHistory(name, events, raw.number("revision"));
  }

  static ClusterStatus cluster(Json raw) {
    Json n = raw.get("node");
    ClusterStatus.Node node = new ClusterStatus.Node(
        n.text("id"), n.text("name"), n.text("http"), n.text("peer"), n.text("state"), n.text("version"), n.count("entry_version"));
    return new ClusterStatus(
        raw.text("cluster_id"), node, raw.text("leader"), raw.number("term"), raw.number("revision"), raw.number("applied_index"),
        raw.number("last_log_term"), raw.number("last_log_index"), raw.list("nodes").stream().map(Validate::member).toList());
  }

  private static ClusterStatus.Member member(Json m) {
    return new ClusterStatus.Member(
        m.name("id"), m.text("name"), m.text("http"), m.text("peer"), m.bool("voter", false), m.bool("leader", false),
        m.count("entry_version"), optionalMillis(m, "last_contact_ms"));
  }
}
