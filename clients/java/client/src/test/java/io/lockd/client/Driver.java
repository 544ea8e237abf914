package io.lockd.client;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Runs the commands of a conformance scenario through the Java client: see clients/conformance/README.md. */
final class Driver {
  private final Map<String, LockdClient> clients = new ConcurrentHashMap<>();
  private final Map<String, Lease> leases = new ConcurrentHashMap<>();
  private final Map<String, Thread> acquires = new ConcurrentHashMap<>(); // in progress, by lease

  public static void main(String[] args) throws Exception {
    Driver driver = new Driver();
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      Json c = Json.parse(line);
      if (c.text("do").equals("client")) {
        driver.run(c); // later commands name it
      } else if (c.text("do").equals("acquire")) {
        driver.acquires.put(c.text("lease"), daemon(() -> driver.run(c))); // a cancel finds it
      } else {
        daemon(() -> driver.run(c));
      }
    }
    System.exit(0);
  }

  private static Thread daemon(Runnable run) {
    Thread thread = new Thread(run);
    thread.setDaemon(true);
    thread.start();
    return thread;
  }

  private static void write(Object... pairs) {
    Map<String, Object> m = new LinkedHashMap<>();
    for (int i = 0; i < pairs.length; i += 2) {
      m.put((String) pairs[i], pairs[i + 1]);
    }
    synchronized (System.out) {
      System.out.println(Json.of(m));
      System.out.flush();
    }
  }

  private void run(Json c) {
    try {
      Lease l = act(c);
      write("id", c.number("id"), "result", "ok", "token", l == null ? 0 : l.token(), "slot", l == null ? 0 : l.slot());
    } catch (Exception e) {
      write("id", c.number("id"), "result", result(e), "detail", e.toString());
    }
  }

  private static String result(Exception e) {
    if (e instanceof InterruptedException) {
      return "cancelled";
    } else if (e instanceof LeaseLostException) {
      return "lost";
    } else if (e instanceof ReleasedException) {
      return "released";
    } else if (e instanceof OutcomeUnknownException) {
      return "unknown";
    } else if (e instanceof UnavailableException) {
      return "unavailable";
    } else if (e instanceof HeldException) {
      return "held";
    } else if (e instanceof RefusedException) {
      return "refused";
    }
    return e instanceof IllegalArgumentException ? "invalid" : "failed";
  }

  private Lease act(Json c) throws Exception {
    LockdClient client = clients.get(c.text("client"));
    Lease lease = leases.get(c.text("lease"));
    switch (c.text("do")) {
      case "client" -> clients.put(c.text("client"), client(c));
      case "acquire" -> {
        return acquire(client, c);
      }
      case "cancel" -> acquires.get(c.text("lease")).interrupt();
      case "renew" -> lease.renew();
      case "release" -> lease.release();
      case "transfer" -> lease.transfer(c.text("to"));
      case "watch" -> daemon(() -> watch(client, c));
      case "elect" -> daemon(() -> elect(client, c));
      default -> throw new IllegalArgumentException(c.text("do"));
    }
    return null;
  }

  private static LockdClient client(Json c) {
    LockdClient.Builder b = LockdClient.builder();
    b.addresses = c.list("addresses").stream().map(Json::string).toList();
    if (c.has("holder")) {
      b.holder(c.text("holder"));
    }
    if (c.has("session")) {
      b.session(c.text("session"));
    }
    if (c.has("request_timeout_ms")) {
      b.requestTimeout(c.millis("request_timeout_ms"));
    }
    b.tokenFile(file(c, "token_file")).caFile(file(c, "ca_file")).certFile(file(c, "cert_file")).keyFile(file(c, "key_file"));
    return b.build();
  }

  private static Path file(Json c, String member) {
    return c.has(member) ? Path.of(c.text(member)) : null;
  }

  private Lease acquire(LockdClient client, Json c) throws InterruptedException {
    // The type of meta allows only objects.
    Map<String, Object> meta = c.has("meta") ? c.get("meta").members() : null;
    Lease l = client.acquire(c.text("name"), AcquireOptions.ttl(c.millis("ttl_ms")).withWait(c.millis("wait_ms"))
        .withLimit((int) Math.max(1, c.number("limit"))).withPriority(c.integer("priority")).withMeta(meta)
        .withKeep(c.bool("keep", false)).withReclaim(c.bool("reclaim", false)));
    leases.put(c.text("lease"), l);
    l.onLost(why -> write("event", "lost", "lease", c.text("lease")));
    return l;
  }

  private static void watch(LockdClient client, Json c) {
    try (Watch w = client.watch(c.text("name"))) {
      for (LeaseEvent e = w.next(); e != null; e = w.next()) {
        write("event", "watched", "client", c.text("client"), "type", e.type(), "name", e.name(), "token", e.token());
      }
    } catch (InterruptedException | LockdException e) {
      write("event", "watched", "client", c.text("client"), "type", "error", "detail", e.toString());
    }
  }

  private static void elect(LockdClient client, Json c) {
    try {
      client.elect(c.text("name"), Duration.ofMillis(c.number("ttl_ms")), lease -> {
        write("event", "leads", "client", c.text("client"), "token", lease.token());
        try {
          Thread.sleep(Duration.ofHours(1).toMillis());
        } finally {
          write("event", "resigned", "client", c.text("client"));
        }
      });
    } catch (Exception e) {
      write("event", "elected no more", "client", c.text("client"), "detail", e.toString());
    }
  }
}
