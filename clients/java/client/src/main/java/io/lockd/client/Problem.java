package io.lockd.client;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * A problem that a node answered with (RFC 9457).
 *
 * @param type the short name, such as "held"; "" if the answer was not a problem
 * @param definitive nothing was applied
 * @param lost the caller certainly holds nothing: stop
 * @param lease the state of the lease
 * @param leases of acquireAll: the leases that prevented it
 * @param queued the session keeps its place in the queue
 * @param position 1 is next
 * @param retryAfter at most 30 s
 * @param oldest with "gone": the oldest revision after which a watch can resume
 * @param invalid with "invalid": each field and the reason
 */
public record Problem(
    String type,
    int status,
    String title,
    String detail,
    boolean definitive,
    boolean lost,
    Optional<LeaseState> lease,
    List<LeaseState> leases,
    boolean queued,
    long position,
    Duration ticketExpiresIn,
    Duration retryAfter,
    long oldest,
    List<String> invalid) {

  private static final Duration MAX_RETRY_AFTER = Duration.ofSeconds(30); // the longest that a node can make a client wait

  /** Reads an answer that is not a 2xx. It need not be a problem. */
  static Problem of(int status, String retryAfter, String body) {
    Duration after = seconds(retryAfter);
    try {
      return of(status, after, Json.parse(body).object());
    } catch (IllegalArgumentException e) {
      String line = body.strip().lines().findFirst().orElse("");
      return of(status, after, Json.of(Map.of("detail", line.substring(0, Math.min(line.length(), 200)))));
    }
  }

  private static Duration seconds(String header) {
    if (!header.matches("[0-9]+")) {
      return Duration.ZERO;
    }
    return header.length() > 9 ? MAX_RETRY_AFTER : Config.min(Duration.ofSeconds(Long.parseLong(header)), MAX_RETRY_AFTER);
  }

  private static Problem of(int status, Duration retryAfter, Json raw) {
    String type = raw.text("type");
    return new Problem(
        type.substring(type.lastIndexOf('/') + 1),
        status,
        raw.text("title"),
        raw.text("detail"),
        raw.bool("definitive", status < 500),
        raw.bool("lost", false),
        raw.has("lease") ? Optional.of(Validate.state(raw.get("lease"))) : Optional.empty(),
        raw.list("leases").stream().map(Validate::state).toList(),
        raw.bool("queued", false),
        raw.number("position"),
        raw.millis("ticket_expires_in_ms"),
        raw.has("retry_after_ms") ? Config.min(raw.millis("retry_after_ms"), MAX_RETRY_AFTER) : retryAfter,
        raw.number("oldest"),
        raw.list("errors").stream().map(e -> e.text("field") + " " + e.text("reason")).collect(Collectors.toList()));
  }

  @Override
  public String toString() {
    String message = String.join("; ", invalid);
    if (message.isEmpty()) {
      message = !detail.isEmpty() ? detail : !title.isEmpty() ? title : "status " + status;
    }
    return type.isEmpty() ? message : message + " (" + type + ")";
  }
}
