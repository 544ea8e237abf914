package io.lockd.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.http.HttpClient;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.logging.SimpleFormatter;
import org.junit.jupiter.api.Test;

/** The limits for a faulty or hostile node: see "Bounds" in clients/README.md. */
class BoundsTest {
  private static final Duration PATIENCE = Duration.ofMinutes(1);
  private static final String GRANT =
      "{\"name\":\"x\",\"holder\":\"h\",\"token\":7,\"ttl_ms\":15000,\"expires_in_ms\":14985,\"waited_ms\":0}";

  @Test
  void answerThatIsTooLongIsNotRead() throws Exception {
    String[][] all = {
      {"HTTP/1.1 201 x\r\nContent-Length: 10737418240\r\n\r\n", "x".repeat(65536), "longer than 8388608"},
      {"HTTP/1.1 201 x\r\nTransfer-Encoding: chunked\r\n\r\n", "10000\r\n" + " ".repeat(65536) + "\r\n", "longer than 8388608"},
      {"HTTP/1.1 500 x\r\n\r\n", "<".repeat(65536), "longer than 8388608"},
      {"HTTP/1.1 201 x\r\n", "X-A: " + "a".repeat(8000) + "\r\n", "headers of the answer"},
      {"", "HTTP/1.1 100 Continue\r\n\r\n", "headers of the answer"},
      {"HTTP/1.1 201 x\r\nTransfer-Encoding: chunked\r\n\r\n1", "0", "headers of the answer"},
    };
    for (String[] a : all) {
      try (RawNode node = new RawNode(RawNode.endless(a[0], a[1]))) {
        Exception e = assertThrows(OutcomeUnknownException.class, () -> node.client().build().acquire("x"), a[0]);
        assertTrue(e.getMessage().contains(a[2]), e.getMessage());
        assertThrows(UnavailableException.class, () -> node.client().build().get("x"), a[0]);
      }
    }
  }

  @Test
  void httpClientOfTheProgramHasTheSameBounds() throws Exception {
    HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).proxy(HttpClient.Builder.NO_PROXY).build();
    try (RawNode node = new RawNode(RawNode.endless("HTTP/1.1 201 x\r\nContent-Length: 10737418240\r\n\r\n", "x".repeat(65536)))) {
      Exception e = assertThrows(OutcomeUnknownException.class, () -> node.client().httpClient(http).build().acquire("x"));
      assertTrue(e.getMessage().contains("longer than 8388608"), e.getMessage());
    }
    try (RawNode node = new RawNode((request, out) -> RawNode.write(out, RawNode.answer(201, GRANT)))) {
      assertEquals(7, node.client().httpClient(http).build().acquire("x", AcquireOptions.DEFAULT.withKeep(false)).token());
    }
    LockdClient unreachable = LockdClient.builder().addresses("127.0.0.1:1").httpClient(http).build();
    assertThrows(UnavailableException.class, () -> unreachable.acquire("x"));
  }

  @Test
  void attemptEndsAtItsTimeoutIfTheAnswerIsSlow() throws Exception {
    try (RawNode node = new RawNode((request, out) -> {
      for (RawNode.write(out, "HTTP/1.1 201 x\r\nContent-Length: 1000\r\n\r\n"); true; RawNode.write(out, " ")) {
        Thread.sleep(50);
      }
    })) {
      LockdClient client = node.client().requestTimeout(Duration.ofMillis(300)).build();
      Exception e = assertThrows(OutcomeUnknownException.class, () -> client.acquire("x"));
      assertTrue(e.getMessage().contains("no answer within 300 ms"), e.getMessage());
    }
  }

  @Test
  void messageOfAWatchThatIsTooLongIsNotRead() throws Exception {
    for (String piece : List.of("x".repeat(65536), "x\ndata: " + "x".repeat(60000) + "\n")) {
      try (RawNode node = new RawNode(RawNode.endless("HTTP/1.1 200 x\r\n\r\ndata: ", piece)); Watch watch = node.client().build().watch("x")) {
        Exception e = assertThrows(UnavailableException.class, watch::next);
        assertTrue(e.getMessage().contains("longer than 8388608"), e.getMessage());
      }
    }
  }

  @Test
  void malformedAnswerCountsAsMissing() throws Exception {
    List<String> wrong = new ArrayList<>(List.of(
        GRANT.replace("{", "{\"token\":9,"), GRANT.replace("{", "{\"\\u0074oken\":9,"), "{\"a\":" + "[".repeat(5000) + "]".repeat(5000) + "}"));
    for (String n : List.of("9007199254740993", "9007199254740992", "7.0", "7e0", "18446744073709551621", "-1")) {
      wrong.add(GRANT.replace("\"token\":7", "\"token\":" + n));
    }
    for (String body : wrong) {
      try (RawNode node = new RawNode((request, out) -> RawNode.write(out, RawNode.answer(201, body)))) {
        assertThrows(OutcomeUnknownException.class, () -> node.client().build().acquire("x"), body);
      }
    }
    assertEquals(2, Json.parse("{\"meta\":{\"a\":1,\"a\":2},\"b\":2}").number("b"));
    assertThrows(IllegalArgumentException.class, () -> Json.parse("{\"meta\":{},\"meta\":{}}"));
    for (String head : List.of(
        "HTTP/1.1 201 x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "HTTP/1.1 201 x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 201 x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "HTTP/1.1 201 x\r\nContent-Length: -1\r\n\r\n", "HTTP/2 201 x\r\n\r\n",
        "HTTP/1.1 201 x\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "HTTP/1.1 201 x\r\nContent-Length: 500\r\n\r\n")) {
      try (RawNode node = new RawNode((request, out) -> RawNode.write(out, head + GRANT))) {
        assertThrows(OutcomeUnknownException.class, () -> node.client().build().acquire("x"), head);
      }
    }
  }

  @Test
  void connectionIsReusedUnlessItHasEnded() throws Exception {
    for (String form : List.of(RawNode.answer(201, GRANT), "HTTP/1.1 100 x\r\n\r\nHTTP/1.1 201 x\r\nTransfer-Encoding: chunked\r\n\r\n"
        + Integer.toHexString(GRANT.length()) + ";a=b\r\n" + GRANT + "\r\n0\r\nX-Trailer: x\r\n\r\n")) {
      for (boolean keep : List.of(true, false)) {
        try (RawNode node = new RawNode((request, out) -> RawNode.write(out, form))) {
          LockdClient.Builder b = node.client();
          LockdClient client = (keep ? b.header("X-Keep", "yes") : b).retryFor(PATIENCE).build();
          Lease lease = client.acquire("x", AcquireOptions.DEFAULT.withKeep(false));
          for (int i = 0; i < 5; i++) {
            lease.renew();
          }
          assertEquals(keep, node.connections.get() == 1, () -> node.connections + " connections");
        }
      }
    }
  }

  @Test
  void validityIsLimitedByTheRequestedTtlAndTheTimeOfTheRequest() {
    Clock.Reading[] now = {new Clock.Reading(1_000_000_000L, 0)};
    Config cfg = new Config(LockdClient.builder(), () -> now[0]);
    Hold.Grant greedy = new Hold.Grant("x", "h", 7, 0, Duration.ofHours(24), Duration.ofHours(23), Duration.ofHours(22), Optional.empty(), Optional.empty());
    Hold hold = new Hold(cfg, cfg.session, greedy, new Clock.Reading(0, 0), Duration.ofSeconds(15)); // answered after a second
    assertEquals(Duration.ofMillis(14_700), hold.remaining());
    hold.shorten(Duration.ofSeconds(20));
    hold.extend(greedy, now[0], Duration.ofSeconds(20));
    hold.settle(Duration.ofSeconds(20), false);
    assertEquals(Duration.ofMillis(19_600), hold.remaining());
  }

  @Test
  void aNodeCannotMakeAClientWaitForLongerThan30Seconds() {
    for (String header : List.of("9999999", "99999999999999999999")) {
      assertEquals(Duration.ofSeconds(30), Problem.of(503, header, "{}").retryAfter());
    }
    assertEquals(Duration.ofSeconds(30), Problem.of(503, "", "{\"retry_after_ms\":9000000000000}").retryAfter());
    assertEquals(Duration.ofMillis(1500), Problem.of(503, "2", "{\"retry_after_ms\":1500}").retryAfter());
    try (RawNode node = new RawNode((request, out) -> RawNode.write(out,
        "HTTP/1.1 503 x\r\nRetry-After: 30\r\nConnection: close\r\n\r\n{\"type\":\"/problems/overloaded\",\"definitive\":true}"))) {
      // It does not wait for longer than its call lasts.
      assertThrows(UnavailableException.class, () -> node.client().retryFor(Duration.ofMillis(100)).build().acquire("x"));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void waitContinuesForAFullStateAndNotForAnUnknownHost() throws Exception {
    AtomicBoolean full = new AtomicBoolean(true);
    try (RawNode node = new RawNode((request, out) -> RawNode.write(out,
        full.getAndSet(false) ? RawNode.answer(429, "{\"type\":\"/problems/state-full\",\"definitive\":true}") : RawNode.answer(201, GRANT)))) {
      assertEquals(7, node.client().build().acquire("x", AcquireOptions.waiting(PATIENCE).withKeep(false)).token());
    }
    try (RawNode node = new RawNode((request, out) -> RawNode.write(out, RawNode.answer(421, "{\"type\":\"/problems/unknown-host\",\"definitive\":true}")))) {
      assertThrows(RefusedException.class, () -> node.client().build().acquire("x", AcquireOptions.waiting(PATIENCE)));
      assertThrows(RefusedException.class, () -> node.client().build().elect("x", Duration.ofSeconds(15), lease -> { }));
    }
  }

  @Test
  void waitEndsWithOneWarningIfNoNodeIsReachable() throws Exception {
    List<String> warnings = new CopyOnWriteArrayList<>();
    Handler handler = new Handler() {
      @Override
      public void publish(LogRecord r) {
        String text = new SimpleFormatter().formatMessage(r);
        if (text.contains("127.0.0.1:1,")) { // clients of other tests warn too
          warnings.add(text);
        }
      }

      @Override
      public void flush() {}

      @Override
      public void close() {}
    };
    Logger.getLogger("io.lockd.client").addHandler(handler);
    ReservedPort port = new ReservedPort();
    LockdClient client = LockdClient.builder().addresses("127.0.0.1:1", "127.0.0.1:" + port.number)
        .retryFor(Duration.ZERO).unreachableTimeout(Duration.ofMillis(300)).build();
    AcquireOptions options = AcquireOptions.waiting(AcquireOptions.FOREVER);
    try {
      assertThrows(UnavailableException.class, () -> client.acquire("x", options));
      assertThrows(UnavailableException.class, () -> client.acquire("x", options));
      assertEquals(1, warnings.size(), warnings::toString);
      assertTrue(warnings.get(0).contains("http://127.0.0.1:1, http://127.0.0.1:" + port.number + "; last error: "), warnings.get(0));
      String held = RawNode.answer(409, "{\"type\":\"/problems/held\",\"definitive\":true}");
      try (RawNode node = new RawNode(port.listen(), (request, out) -> RawNode.write(out, held))) {
        assertThrows(HeldException.class, () -> client.acquire("x"));
        assertTrue(node.connections.get() > 0);
      }
      assertThrows(UnavailableException.class, () -> client.get("x"));
      assertEquals(2, warnings.size(), warnings::toString);
    } finally {
      Logger.getLogger("io.lockd.client").removeHandler(handler);
      port.close();
    }
  }

  @Test
  void waitIsSentInPiecesAndAnInterruptLeavesTheQueue() throws Exception {
    List<String> requests = new CopyOnWriteArrayList<>();
    CountDownLatch waits = new CountDownLatch(1);
    try (RawNode node = new RawNode((request, out) -> {
      requests.add(request);
      if (request.contains("/acquire")) {
        waits.countDown();
        Thread.sleep(PATIENCE.toMillis());
      }
      RawNode.write(out, RawNode.answer(200, "{}"));
    })) {
      LockdClient client = node.client().waitPiece(Duration.ofSeconds(2)).build();
      List<Throwable> ended = new CopyOnWriteArrayList<>();
      Thread waiter = new Thread(() -> {
        try {
          client.acquire("x", AcquireOptions.waiting(PATIENCE));
        } catch (Throwable e) {
          ended.add(e);
        }
      });
      waiter.start();
      assertTrue(waits.await(PATIENCE.toMillis(), TimeUnit.MILLISECONDS));
      waiter.interrupt();
      waiter.join(PATIENCE.toMillis());
      assertEquals(InterruptedException.class, ended.get(0).getClass());
      assertEquals(2, requests.size(), requests::toString);
      assertTrue(requests.get(0).startsWith("POST /v1/leases/x/acquire ") && requests.get(0).contains("\"wait_ms\":2000"), requests::toString);
      assertTrue(requests.get(1).startsWith("POST /v1/leases/x/release "), requests::toString);
    }
  }
}
