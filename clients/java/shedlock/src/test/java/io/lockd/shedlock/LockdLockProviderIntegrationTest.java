package io.lockd.shedlock;

import static org.assertj.core.api.Assertions.assertThat;

import io.lockd.client.RealNode;
import java.time.Duration;
import java.time.Instant;
import net.javacrumbs.shedlock.core.ExtensibleLockProvider;
import net.javacrumbs.shedlock.core.LockConfiguration;
import net.javacrumbs.shedlock.core.SimpleLock;
import net.javacrumbs.shedlock.test.support.AbstractExtensibleLockProviderIntegrationTest;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * ShedLock's test kit for providers, with a real node. The kit changes its methods between releases, so this class has
 * only tests and the methods that the kit requires. The name of another method could clash with one of the kit.
 */
class LockdLockProviderIntegrationTest extends AbstractExtensibleLockProviderIntegrationTest {
  private static RealNode node;
  private static int runs;
  private String prefix;

  @BeforeAll
  static void startRealLockdNode() throws Exception {
    node = new RealNode();
  }

  @AfterAll
  static void stopRealLockdNode() {
    node.close();
  }

  @BeforeEach
  void useNewPrefixOfLeases() {
    prefix = "run-" + runs++ + "-";
  }

  @Override
  protected ExtensibleLockProvider getLockProvider() {
    return new LockdLockProvider(node.client, prefix);
  }

  @Override
  protected void assertUnlocked(String lockName) {
    assertThat(node.state(prefix + lockName)).isEqualTo("free");
  }

  @Override
  protected void assertLocked(String lockName) {
    assertThat(node.state(prefix + lockName)).isIn("held", "delayed");
  }

  @Test
  void lockMayHaveAnyNameAfterThePrefixOfTheReadme() throws InterruptedException {
    LockdLockProvider jobs = new LockdLockProvider(node.client, "jobs/");
    for (String name : new String[] {"report", "nightly report", "Report#run", "Müll/täglich", "a".repeat(500)}) {
      LockConfiguration configuration = new LockConfiguration(Instant.now(), name, Duration.ofSeconds(5), Duration.ZERO);
      SimpleLock lock = jobs.lock(configuration).orElseThrow();
      assertThat(jobs.lock(configuration)).as(name).isEmpty();
      assertThat(node.client.list("jobs/")).as(name).anyMatch(l -> l.state().equals("held"));
      lock.unlock();
    }
  }

  // The shortest TTL is a second. These two tests are those of the kit with a second.

  @Test
  @Override
  public void shouldTimeout() throws InterruptedException {
    doTestTimeout(Duration.ofSeconds(1));
  }

  @Test
  @Override
  public void shouldNotBeAbleToExtendExpiredLock() {
    LockConfiguration second = new LockConfiguration(Instant.now(), LOCK_NAME1, Duration.ofSeconds(1), Duration.ZERO);
    SimpleLock expired = getLockProvider().lock(second).orElseThrow();
    while (!node.state(prefix + LOCK_NAME1).equals("free")) {
      Thread.onSpinWait();
    }
    assertThat(expired.extend(Duration.ofSeconds(10), Duration.ZERO)).isEmpty();
    assertUnlocked(LOCK_NAME1);
  }
}
