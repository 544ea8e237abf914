package io.lockd.client;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.InterruptedIOException;
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
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/** A node that grants every acquire and renews every lease that is not broken. */
final class FakeNode implements AutoCloseable {
  /** The requests, as "renew first 1" or "release boss 0": verb, name and token. */
  final List<String> requests = new CopyOnWriteArrayList<>();

  /** The bodies of the requests, in the order of {@link #requests}. */
  final List<Json> bodies = new CopyOnWriteArrayList<>();

  /** The values of the Authorization header of all requests. */
  final List<String> credentials = new CopyOnWriteArrayList<>();

  /** Decides which requests are refused for their credentials. */
  volatile Deny deny = (verb, name, authorization, body) -> 0;

  /** Returns the status 401, 403 or 429 for a request; 0: it is not refused. */
  interface Deny {
    int status(String verb, String name, String authorization, Json body);
  }

  private static final Map<Integer, String> DENIED = Map.of(401, "unauthenticated", 403, "not-allowed", 429, "rate-limited");

  private final Map<String, List<Answer>> answers = new ConcurrentHashMap<>();
  private final Map<String, CountDownLatch> blocked = new ConcurrentHashMap<>();
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

  int port() {
    return server.getAddress().getPort();
  }

  LockdClient client() {
    return client(Duration.ofSeconds(5));
  }

  LockdClient client(Duration retryFor) {
    return builder(retryFor).build();
  }

  LockdClient.Builder builder(Duration retryFor) {
    return LockdClient.builder().addresses("127.0.0.1:" + port()).retryFor(retryFor);
  }

  void breakLease(String name) {
    broken.add(name);
  }

  long renewals(String name) {
    return requests.stream().filter(a -> a.startsWith("renew " + name + " ")).count();
  }

  private void serve(HttpExchange x) throws IOException {
    String sent = new String(x.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
    Json body = Json.parse(sent.isEmpty() ? "{}" : sent);
    String[] path = x.getRequestURI().getPath().split("/");
    boolean together = path[2].equals("sessions");
    synchronized (this) {
      if (path.length > 4) {
        bodies.add(body);
        requests.add(path[4] + " " + path[3] + " " + body.number("token"));
      } else if (verb(path).equals("acquire all")) {
        bodies.add(body);
        requests.add("acquire all");
      }
    }
    String authorization = x.getRequestHeaders().getFirst("Authorization");
    credentials.add(String.valueOf(authorization));
    int denied = deny.status(verb(path), path.length > 4 ? path[3] : "", authorization, body);
    if (denied != 0) {
      respond(x, denied, Map.of("type", "/problems/" + DENIED.get(denied), "definitive", true));
      return;
    }
    pause(verb(path));
    Answer own = next(verb(path));
    if (own != null) {
      respond(x, own.status, own.body);
    } else if (together) {
      respond(x, 200, Map.of("leases", kept(body)));
    } else if (path[4].equals("renew") && (broken.contains(path[3]) || token(path[3]) != body.number("token"))) {
      respond(x, 409, Map.of("type", "/problems/not-holder", "lost", true, "definitive", true));
    } else if (path[4].equals("release")) {
      respond(x, 200, Map.of("name", path[3], "was_held", true));
    } else {
      respond(x, 200, acquire(path[3], body.number("ttl_ms")));
    }
  }

  private synchronized Map<String, Object> acquire(String name, long ttl) {
    if (broken.remove(name)) {
      leases.put(name, grant(name, token(name) + 1, ttl));
    }
    return leases.computeIfAbsent(name, n -> grant(n, leases.size() + 1, ttl));
  }

  private long token(String name) {
    return leases.containsKey(name) ? (Long) leases.get(name).get("token") : 0;
  }

  /**
   * From now on it answers a verb with these bodies, the last one always: "acquire" and others of a
   * lease, "acquire all", "renew all", "get", "list", "watch" and "cluster".
   */
  void answer(String verb, int status, String... bodies) {
    List<Answer> all = new CopyOnWriteArrayList<>();
    for (String body : bodies) {
      all.add(new Answer(status, body));
    }
    answers.put(verb, all);
  }

  /** After the answers that are set already, it answers a verb with this body, always. */
  void thenAnswer(String verb, int status, String body) {
    answers.get(verb).add(new Answer(status, body));
  }

  private record Answer(int status, String body) {}

  private Answer next(String verb) {
    List<Answer> all = answers.getOrDefault(verb, List.of());
    return all.isEmpty() ? null : all.size() == 1 ? all.get(0) : all.remove(0);
  }

  /** From now on it answers a verb only when the latch is open. */
  CountDownLatch block(String verb) {
    CountDownLatch open = new CountDownLatch(1);
    blocked.put(verb, open);
    return open;
  }

  private void pause(String verb) throws IOException {
    CountDownLatch open = blocked.get(verb);
    try {
      if (open != null) {
        open.await();
      }
    } catch (InterruptedException e) {
      throw new InterruptedIOException(); // the test is over
    }
  }

  /** Waits until it has received a request so many times. */
  void awaitRequest(String what, int times) {
    for (long end = System.nanoTime() + TimeUnit.MINUTES.toNanos(1); count(what) < times; Thread.onSpinWait()) {
      if (System.nanoTime() > end) {
        throw new AssertionError(what + " was not received " + times + " times: " + requests);
      }
    }
  }

  long count(String what) {
    return requests.stream().filter(what::equals).count();
  }

  /** Returns the body of the last such request. */
  synchronized Json lastBody(String what) {
    return bodies.get(requests.lastIndexOf(what));
  }

  private static String verb(String[] path) {
    return switch (path.length) {
      case 5 -> path[4];
      case 4 -> path[2].equals("sessions") ? "renew all" : "get";
      default -> path[2].equals("leases") ? "list" : path[2].equals("acquire") ? "acquire all" : path[2];
    };
  }

  private List<Map<String, Object>> kept(Json body) {
    List<Map<String, Object>> kept = new ArrayList<>();
    for (Json l : body.list("leases")) {
      if (!broken.contains(l.text("name"))) {
        synchronized (this) {
          bodies.add(body);
          requests.add("renew " + l.text("name") + " " + l.number("token"));
        }
        kept.add(leases.get(l.text("name")));
      }
    }
    return kept;
  }

  private static Map<String, Object> grant(String name, long token, long ttl) {
    return Map.of("name", name, "holder", "h", "token", token, "ttl_ms", ttl, "expires_in_ms", ttl);
  }

  private static void respond(HttpExchange x, int status, Map<String, Object> body) throws IOException {
    respond(x, status, Json.of(body).toString());
  }

  private static void respond(HttpExchange x, int status, String body) throws IOException {
    byte[] raw = body.getBytes(StandardCharsets.UTF_8);
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
