package io.lockd.shedlock;

import static org.assertj.core.api.Assertions.assertThatCode;

import com.sun.net.httpserver.HttpServer;
import io.lockd.client.LockdClient;
import io.lockd.client.RealNode;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
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

  @Test
  void finishedTaskDoesNotFailIfItsTokenIsRefused() throws Exception {
    HttpServer node = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    node.createContext("/v1/", x -> {
      boolean acquire = x.getRequestURI().getPath().endsWith("/acquire");
      String text = acquire ? "{\"name\":\"report\",\"holder\":\"h\",\"token\":1,\"ttl_ms\":60000,\"expires_in_ms\":60000}" : "{\"type\":\"/problems/unauthenticated\"}";
      byte[] body = text.getBytes(StandardCharsets.UTF_8);
      try (x) {
        x.getRequestBody().readAllBytes();
        x.sendResponseHeaders(acquire ? 201 : 401, body.length);
        x.getResponseBody().write(body);
      }
    });
    node.start();
    try {
      LockdClient client = LockdClient.builder().addresses("127.0.0.1:" + node.getAddress().getPort()).token("secret").build();
      SimpleLock lock = new LockdLockProvider(client).lock(new LockConfiguration(Instant.now(), "report", Duration.ofMinutes(1), Duration.ZERO)).orElseThrow();
      assertThatCode(lock::unlock).doesNotThrowAnyException();
    } finally {
      node.stop(0);
    }
  }
}
