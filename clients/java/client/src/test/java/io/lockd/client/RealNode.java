package io.lockd.client;

import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** A real node, run from the binary that the system property lockd.binary names, and a client of it. */
public final class RealNode implements AutoCloseable {
  /** Host and port. */
  public final String address;

  /** A client of the node. */
  public final LockdClient client;

  private final ReservedPort http = new ReservedPort();
  private final ReservedPort peer = new ReservedPort();
  private final Process process;

  /** Starts a node. Returns when it is ready. */
  public RealNode() throws IOException, InterruptedException {
    Path dir = Files.createTempDirectory("lockd-java");
    address = "127.0.0.1:" + http.number;
    ProcessBuilder server = new ProcessBuilder(
        System.getProperty("lockd.binary"), "server", "--data-dir", dir.resolve("data").toString(), "--http-addr", address,
        "--peer-addr", "127.0.0.1:" + peer.number)
        .redirectErrorStream(true).redirectOutput(new File(dir.toFile(), "log"));
    server.environment().keySet().removeIf(k -> k.startsWith("LOCKD_")); // they may be the settings of a real cluster
    process = server.start();
    HttpRequest ready = HttpRequest.newBuilder(URI.create("http://" + address + "/readyz")).build();
    for (long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(30); !answers(ready); Thread.sleep(10)) {
      if (System.nanoTime() > end || !process.isAlive()) {
        process.destroy();
        throw new IOException("the node is not ready; its log is in " + dir);
      }
    }
    client = LockdClient.at(address);
  }

  private static boolean answers(HttpRequest ready) throws InterruptedException {
    try {
      return HttpClient.newHttpClient().send(ready, HttpResponse.BodyHandlers.discarding()).statusCode() == 200;
    } catch (IOException e) {
      return false;
    }
  }

  /** Returns the state of a lease: free, held, delayed or breaking. */
  public String state(String lease) {
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
      if (!process.waitFor(30, TimeUnit.SECONDS)) {
        throw new IllegalStateException("the node did not end");
      }
      http.close();
      peer.close();
    } catch (InterruptedException | IOException e) {
      throw new IllegalStateException(e);
    }
  }
}
