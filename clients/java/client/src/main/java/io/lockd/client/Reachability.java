package io.lockd.client;

import java.time.Duration;
import java.util.List;
import java.util.stream.Collectors;

/** Whether any node answers: see "Without a reachable node" in clients/README.md. */
final class Reachability {
  private static final System.Logger LOG = System.getLogger("io.lockd.client");

  private final String addresses;
  private Clock.Reading contact; // when a node last answered; null: never
  private boolean warned; // since the last answer

  Reachability(List<Address> addresses) {
    this.addresses = addresses.stream().map(Address::toString).collect(Collectors.joining(", "));
  }

  /** Records that a node answered, with any status. */
  synchronized void answered(Clock.Reading at) {
    contact = at;
    warned = false;
  }

  /** Records that no address answered. Warns at the first time since the last answer. */
  void silent(Exception error) {
    synchronized (this) {
      if (warned) {
        return;
      }
      warned = true;
    }
    LOG.log(System.Logger.Level.WARNING, () -> "no node answered at " + addresses + "; last error: " + error.getMessage());
  }

  /** Returns how long no node has answered a call that began at start. */
  synchronized Duration silence(Clock.Reading start, Clock.Reading now) {
    Duration since = start.until(now);
    return contact == null ? since : Config.min(since, contact.until(now));
  }
}
