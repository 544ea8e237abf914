package io.lockd.shedlock;

import static org.assertj.core.api.Assertions.assertThatCode;

import io.lockd.client.RealNode;
import java.time.Duration;
import java.time.Instant;
import net.javacrumbs.shedlock.core.LockConfiguration;
import net.javacrumbs.shedlock.core.SimpleLock;
import org.junit.jupiter.api.Test;

class UnlockTest {
  @Test
  void finishedTaskDoesNotFailIfNoNodeAnswers() throws Exception {
    SimpleLock lock;
    try (RealNode node = new RealNode()) {
      lock = new LockdLockProvider(node.client).lock(new LockConfiguration(Instant.now(), "report", Duration.ofMinutes(1), Duration.ZERO)).orElseThrow();
    }
    assertThatCode(lock::unlock).doesNotThrowAnyException();
  }
}
