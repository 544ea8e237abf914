package io.lockd.client;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** A node that grants whatever it is asked for, and keeps what is not broken. */
final class FakeNode implements AutoCloseable {
  /** What it was asked, as "renew first 1" or "release boss 0": verb, name and token. */
  final List<String> asked = new CopyOnWriteArrayList<>();

  private final Map<String, Said> said = new ConcurrentHashMap<>();
  private final Set<String> broken = ConcurrentHashMap.newKeySet();
  private final Map<String, Map<String, Object>> leases = new ConcurrentHashMap<>();
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final HttpServer server;

  FakeNode() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(threads);
    server.createContext("/v1/", this::serve);
    server.start();
  }

  LockdClient client() {
    return client(Duration.ofSeconds(5));
  }

  LockdClient client(Duration retryFor) {
    return builder(retryFor).build();
  }

  LockdClient.Builder builder(Duration retryFor) {
    return LockdClient.builder().addresses("127.0.0.1:" + server.getAddress().getPort()).retryFor(retryFor);
  }

  void breakLease(String name) {
    broken.add(name);
  }

  long renewals(String name) {
    return asked.stream().filter(a -> a.startsWith("renew " + name + " ")).count();
  }

  private void serve(HttpExchange x) throws IOException {
    String sent = new String(x.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
    Json body = Json.parse(sent.isEmpty() ? "{}" : sent);
    String[] path = x.getRequestURI().getPath().split("/");
    boolean together = path[2].equals("sessions");
    if (path.length > 4) {
      asked.add(path[4] + " " + path[3] + " " + body.number("token"));
    }
    Said own = said.getOrDefault(verb(path), Said.NOTHING).next();
    if (own != Said.NOTHING) {
      answer(x, own.status, own.bodies.get(0));
    } else if (together) {
      answer(x, 200, Map.of("leases", kept(body)));
    } else if (path[4].equals("renew") && broken.contains(path[3])) {
      answer(x, 409, Map.of("type", "/problems/not-holder", "lost", true, "definitive", true));
    } else if (path[4].equals("release")) {
      answer(x, 200, Map.of());
    } else {
      answer(x, 200, leases.computeIfAbsent(path[3], name -> grant(name, body.number("ttl_ms"))));
    }
  }

  /**
   * From now on it answers a verb with these bodies, the last for ever: "acquire" and others of a
   * lease, "renew all", "get", "list" and "watch".
   */
  void say(String verb, int status, String... bodies) {
    said.put(verb, new Said(status, new CopyOnWriteArrayList<>(bodies)));
  }

  private record Said(int status, List<String> bodies) {
    static final Said NOTHING = new Said(0, List.of());

    Said next() {
      Said now = bodies.isEmpty() ? NOTHING : new Said(status, List.of(bodies.get(0)));
      if (bodies.size() > 1) {
        bodies.remove(0);
      }
      return now;
    }
  }

  private static String verb(String[] path) {
    return switch (path.length) {
      case 5 -> path[4];
      case 4 -> path[2].equals("sessions") ? "renew all" : "get";
      default -> path[2].equals("watch") ? "watch" : "list";
    };
  }

  private List<Map<String, Object>> kept(Json body) {
    List<Map<String, Object>> kept = new ArrayList<>();
    for (Json l : body.list("leases")) {
      if (!broken.contains(l.text("name"))) {
        asked.add("renew " + l.text("name") + " " + l.number("token"));
        kept.add(leases.get(l.text("name")));
      }
    }
    return kept;
  }

  private Map<String, Object> grant(String name, long ttl) {
    return Map.of("name", name, "holder", "h", "token", (long) leases.size() + 1, "ttl_ms", ttl, "expires_in_ms", ttl);
  }

  private static void answer(HttpExchange x, int status, Map<String, Object> said) throws IOException {
    answer(x, status, Json.of(said).toString());
  }

  private static void answer(HttpExchange x, int status, String said) throws IOException {
    byte[] raw = said.getBytes(StandardCharsets.UTF_8);
    try (x) {
      x.sendResponseHeaders(status, raw.length == 0 ? -1 : raw.length);
      x.getResponseBody().write(raw);
    }
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }
}
