package io.lockd.shedlock;

import static org.assertj.core.api.Assertions.assertThat;

import io.lockd.client.LockdClient;
import java.io.File;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** A node of the binary that lockd.binary names, and a client of it. */
final class RealNode implements AutoCloseable {
  final LockdClient client;
  private final Process process;

  RealNode() throws Exception {
    Path dir = Files.createTempDirectory("lockd-shedlock");
    String http = "127.0.0.1:" + freePort();
    String peer = "127.0.0.1:" + freePort();
    ProcessBuilder server = new ProcessBuilder(System.getProperty("lockd.binary"), "server", "--data-dir", dir.resolve("data").toString(), "--http-addr", http, "--peer-addr", peer)
        .redirectErrorStream(true).redirectOutput(new File(dir.toFile(), "log"));
    server.environment().keySet().removeIf(k -> k.startsWith("LOCKD_")); // they may be those of a real cluster
    process = server.start();
    HttpRequest ready = HttpRequest.newBuilder(URI.create("http://" + http + "/readyz")).build();
    for (long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(30); !answers(ready); Thread.sleep(10)) {
      assertThat(System.nanoTime()).as("it is ready; see %s", dir).isLessThan(end);
    }
    client = LockdClient.at(http);
  }

  private static int freePort() throws IOException {
    try (ServerSocket s = new ServerSocket(0)) {
      return s.getLocalPort();
    }
  }

  private static boolean answers(HttpRequest ready) throws InterruptedException {
    try {
      return HttpClient.newHttpClient().send(ready, HttpResponse.BodyHandlers.discarding()).statusCode() == 200;
    } catch (IOException e) {
      return false;
    }
  }

  /** The state of a lease: free, held, delayed or breaking. */
  String state(String lease) {
    try {
      return client.get(lease).state();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void close() {
    process.destroy();
    try {
      assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
