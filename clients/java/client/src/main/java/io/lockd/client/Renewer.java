package io.lockd.client;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

/** Ends the holds of a client at their deadlines, and renews those that it keeps. */
final class Renewer {
  private final Config cfg;
  private final Operations requests;
  private final Loop deadlines = new Loop("lockd-deadlines", holds -> holds.stream().map(Hold::expire).min(Duration::compareTo).orElseThrow());
  private final Map<String, Loop> renewals = new HashMap<>(); // by session, so that one does not wait for another

  Renewer(Config cfg, Operations requests) {
    this.cfg = cfg;
    this.requests = requests;
  }

  void join(Hold hold, boolean keep) {
    deadlines.join(hold);
    if (keep) {
      renewalsOf(hold.session()).join(hold);
    }
  }

  private synchronized Loop renewalsOf(String session) {
    return renewals.computeIfAbsent(session, s -> new Loop("lockd-renewals", new SessionRenewer(cfg, requests)::step));
  }
}
