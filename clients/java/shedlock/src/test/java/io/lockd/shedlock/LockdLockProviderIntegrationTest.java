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
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import net.javacrumbs.shedlock.core.ExtensibleLockProvider;
import net.javacrumbs.shedlock.core.LockConfiguration;
import net.javacrumbs.shedlock.core.SimpleLock;
import net.javacrumbs.shedlock.test.support.AbstractExtensibleLockProviderIntegrationTest;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** ShedLock's own tests of a provider, against a real node of the binary that lockd.binary names. */
class LockdLockProviderIntegrationTest extends AbstractExtensibleLockProviderIntegrationTest {
  private static Process node;
  private static LockdClient client;
  private static int runs;
  private String prefix;

  @BeforeAll
  static void startNode() throws Exception {
    Path dir = Files.createTempDirectory("lockd-shedlock");
    String http = "127.0.0.1:" + freePort();
    String peer = "127.0.0.1:" + freePort();
    ProcessBuilder server = new ProcessBuilder(System.getProperty("lockd.binary"), "server", "--data-dir", dir.resolve("data").toString(), "--http-addr", http, "--peer-addr", peer)
        .redirectErrorStream(true).redirectOutput(new File(dir.toFile(), "log"));
    server.environment().keySet().removeIf(k -> k.startsWith("LOCKD_")); // they may be those of a real cluster
    node = server.start();
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

  @AfterAll
  static void stopNode() throws InterruptedException {
    node.destroy();
    assertThat(node.waitFor(30, TimeUnit.SECONDS)).isTrue();
  }

  @BeforeEach
  void newNames() {
    prefix = "run-" + runs++ + "-";
  }

  @Override
  protected ExtensibleLockProvider getLockProvider() {
    return new LockdLockProvider(client, prefix);
  }

  @Override
  protected void assertUnlocked(String lockName) {
    assertThat(state(lockName)).isEqualTo("free");
  }

  @Override
  protected void assertLocked(String lockName) {
    assertThat(state(lockName)).isIn("held", "delayed");
  }

  private String state(String lockName) {
    try {
      return client.get(prefix + lockName).state();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void aLockMayHaveAnyNameBehindThePrefixOfTheReadme() throws InterruptedException {
    LockdLockProvider jobs = new LockdLockProvider(client, "jobs/");
    for (String name : new String[] {"report", "nightly report", "Report#run", "Müll/täglich", "a".repeat(500)}) {
      LockConfiguration wanted = new LockConfiguration(Instant.now(), name, Duration.ofSeconds(5), Duration.ZERO);
      SimpleLock lock = jobs.lock(wanted).orElseThrow();
      assertThat(jobs.lock(wanted)).as(name).isEmpty();
      assertThat(client.list("jobs/")).as(name).anyMatch(l -> l.state().equals("held"));
      lock.unlock();
    }
  }

  // No lease is shorter than a second: these two are the kit's, with a second.

  @Test
  @Override
  public void shouldTimeout() throws InterruptedException {
    doTestTimeout(Duration.ofSeconds(1));
  }

  @Test
  @Override
  public void shouldNotBeAbleToExtendExpiredLock() {
    SimpleLock expired = lock(Duration.ofSeconds(1)).orElseThrow();
    while (!state(LOCK_NAME1).equals("free")) {
      Thread.onSpinWait();
    }
    assertThat(expired.extend(Duration.ofSeconds(10), Duration.ZERO)).isEmpty();
    assertUnlocked(LOCK_NAME1);
  }

  private Optional<SimpleLock> lock(Duration atMost) {
    return getLockProvider().lock(new LockConfiguration(Instant.now(), LOCK_NAME1, atMost, Duration.ZERO));
  }
}
