package io.lockd.client;

import io.lockd.client.Retry.Call;
import java.util.ArrayList;
import java.util.List;

/** Reads leases, their history, and the status of the cluster. */
final class Reads {
  private final Config cfg;

  Reads(Config cfg) {
    this.cfg = cfg;
  }

  LeaseState get(String name) throws InterruptedException {
    return Retry.send(cfg, Call.get(cfg, Requests.lease(name, ""), raw -> Validate.state(raw, name))).value();
  }

  /** Reads the newest events of a name. */
  LeaseHistory history(String name) throws InterruptedException {
    return Retry.send(cfg, Call.get(cfg, Requests.lease(name, "history"), raw -> Validate.history(raw, name))).value();
  }

  /** Reads the members of the cluster and its leader. */
  ClusterStatus cluster() throws InterruptedException {
    return Retry.send(cfg, Call.get(cfg, "/v1/cluster", Validate::cluster)).value();
  }

  List<LeaseState> list(String prefix) throws InterruptedException {
    List<LeaseState> all = new ArrayList<>();
    String cursor = "";
    do {
      String query = "?prefix=" + Requests.encode(prefix) + (cursor.isEmpty() ? "" : "&cursor=" + Requests.encode(cursor));
      Validate.Page page = Retry.send(cfg, Call.get(cfg, "/v1/leases" + query, Validate::page)).value();
      all.addAll(page.leases());
      cursor = page.next();
    } while (!cursor.isEmpty());
    return all;
  }

  boolean check(String name, long token) throws InterruptedException {
    try {
      Retry.send(cfg, Call.get(cfg, Requests.lease(name, "check") + "?token=" + token, raw -> Validate.current(raw, token)));
      return true;
    } catch (RefusedException | LeaseLostException e) {
      if (e.problem().filter(p -> p.status() == 409).isPresent()) {
        return false;
      }
      throw e;
    }
  }
}
