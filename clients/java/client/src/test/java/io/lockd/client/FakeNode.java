package io.lockd.client;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
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
    return LockdClient.at("127.0.0.1:" + server.getAddress().getPort());
  }

  void breakLease(String name) {
    broken.add(name);
  }

  long renewals(String name) {
    return asked.stream().filter(a -> a.startsWith("renew " + name + " ")).count();
  }

  private void serve(HttpExchange x) throws IOException {
    Json body = Json.parse(new String(x.getRequestBody().readAllBytes(), StandardCharsets.UTF_8));
    String[] path = x.getRequestURI().getPath().split("/");
    boolean together = path[2].equals("sessions");
    if (!together) {
      asked.add(path[4] + " " + path[3] + " " + body.number("token"));
    }
    if (together) {
      answer(x, 200, Map.of("leases", kept(body)));
    } else if (path[4].equals("renew") && broken.contains(path[3])) {
      answer(x, 409, Map.of("type", "/problems/not-holder", "lost", true, "definitive", true));
    } else if (path[4].equals("release")) {
      answer(x, 200, Map.of());
    } else {
      answer(x, 200, leases.computeIfAbsent(path[3], name -> grant(name, body.number("ttl_ms"))));
    }
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
    byte[] raw = Json.of(said).toString().getBytes(StandardCharsets.UTF_8);
    try (x) {
      x.sendResponseHeaders(status, raw.length);
      x.getResponseBody().write(raw);
    }
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }
}
