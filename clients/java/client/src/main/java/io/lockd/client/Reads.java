package io.lockd.client;

import io.lockd.client.Retry.Call;
import java.util.ArrayList;
import java.util.List;

/** Reads leases. */
final class Reads {
  private final Config cfg;

  Reads(Config cfg) {
    this.cfg = cfg;
  }

  LeaseState get(String name) throws InterruptedException {
    return Retry.send(cfg, Call.get(cfg, Requests.lease(name, ""), raw -> LeaseState.of(raw, name))).value();
  }

  List<LeaseState> list(String prefix) throws InterruptedException {
    List<LeaseState> all = new ArrayList<>();
    String cursor = "";
    do {
      String query = "?prefix=" + Requests.encode(prefix) + (cursor.isEmpty() ? "" : "&cursor=" + Requests.encode(cursor));
      Page page = Retry.send(cfg, Call.get(cfg, "/v1/leases" + query, Page::of)).value();
      all.addAll(page.leases);
      cursor = page.next;
    } while (!cursor.isEmpty());
    return all;
  }

  private record Page(List<LeaseState> leases, String next) {
    static Page of(Json raw) {
      return new Page(raw.fullList("leases").stream().map(LeaseState::of).toList(), raw.text("next"));
    }
  }

  boolean check(String name, long token) throws InterruptedException {
    try {
      Retry.send(cfg, Call.get(cfg, Requests.lease(name, "check") + "?token=" + token, raw -> current(raw, token)));
      return true;
    } catch (RefusedException | LeaseLostException e) {
      if (e.problem().filter(p -> p.status() == 409).isPresent()) {
        return false;
      }
      throw e;
    }
  }

  private static boolean current(Json raw, long token) {
    if (raw.token() != token) {
      throw new IllegalArgumentException("it is of another hold");
    }
    return true;
  }
}
