package io.lockd.client;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lockd.client.Hold.Grant;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/**
 * Fuzz tests of the parsers: answers, problems, addresses, headers and streams. The environment variable LOCKD_FUZZ_MS
 * is the time of each (by default 300 ms), LOCKD_FUZZ_SEED the seed (by default 1).
 */
class FuzzTest {
  private static final long MILLIS = Long.parseLong(System.getenv().getOrDefault("LOCKD_FUZZ_MS", "300"));
  private static final long SEED = Long.parseLong(System.getenv().getOrDefault("LOCKD_FUZZ_SEED", "1"));
  private static final Duration HANGS = Duration.ofSeconds(30).plusMillis(MILLIS);
  private static final long MAX = (1L << 53) - 1;

  private static final String STATE = "{\"name\":\"x\",\"state\":\"held\",\"revision\":9,\"limit\":2,\"holder\":\"h\",\"token\":7,\"queue_length\":1,"
      + "\"holders\":[{\"holder\":\"h\",\"token\":7,\"slot\":0,\"ttl_ms\":15000,\"held_ms\":5,\"meta\":{\"token\":1.5}}],"
      + "\"queue\":[{\"holder\":\"w\",\"priority\":-3,\"waiting_ms\":310}]}";
  private static final String GRANT = "{\"name\":\"x\",\"holder\":\"h\",\"token\":7,\"slot\":0,\"ttl_ms\":60000,\"expires_in_ms\":59940,\"waited_ms\":0,"
      + "\"meta\":{\"a\":[1.5]},\"previous\":{\"holder\":\"g\",\"token\":3,\"end\":\"expired\"},\"step_down\":{\"to\":\"w\",\"within_ms\":30000}}";
  private static final String EVENT = "{\"revision\":7,\"at\":\"2026-11-20T09:30:00.000Z\",\"type\":\"broken\",\"name\":\"x\",\"holder\":\"h\",\"token\":7,"
      + "\"held_ms\":900,\"reason\":\"r\",\"lease\":" + STATE + "}";
  private static final String CLUSTER = "{\"cluster_id\":\"c\",\"node\":{\"id\":\"n-1\",\"name\":\"n\",\"entry_version\":2},\"leader\":\"n\",\"term\":4,"
      + "\"revision\":9,\"nodes\":[{\"id\":\"n-1\",\"voter\":true,\"leader\":true,\"last_contact_ms\":0}]}";

  private final Mutator mutator = new Mutator(SEED);

  /** Checks each entry of the corpus, and then mutated ones until the time is over. */
  private void fuzz(List<String> corpus, Consumer<String> check) {
    String[] input = {""};
    assertTimeoutPreemptively(HANGS, () -> {
      long end = System.nanoTime() + MILLIS * 1_000_000;
      for (int n = 0; n < corpus.size() || System.nanoTime() < end; n++) {
        input[0] = n < corpus.size() ? corpus.get(mutator.from = n) : mutator.next(corpus);
        try {
          check.accept(input[0]);
        } catch (Throwable e) {
          throw new AssertionError("seed " + SEED + ", input " + n + ": " + input[0], e);
        }
      }
    }, () -> "seed " + SEED + ": " + input[0]);
  }

  private static void checkRange(long n, long min, long max) {
    assertTrue(n >= min && n <= max, n + " is not from " + min + " to " + max);
  }

  private static void check(Grant g) {
    checkRange(g.token(), 1, MAX);
    checkRange(g.slot(), 0, Integer.MAX_VALUE);
    checkRange(g.ttl().toMillis(), 1, Config.MAX_TTL.toMillis());
    checkRange(g.expiresIn().toMillis(), 0, Config.MAX_TTL.toMillis());
    checkRange(g.waited().toMillis(), 0, Config.MAX_TTL.toMillis());
    g.previous().ifPresent(p -> checkRange(p.token(), 0, MAX));
    g.stepDown().flatMap(StepDown::within).ifPresent(d -> checkRange(d.toMillis(), 0, MAX));
  }

  private static void check(LeaseState s) {
    checkRange(s.token(), 0, MAX);
    checkRange(s.revision(), 0, MAX);
    checkRange(s.limit(), 0, Integer.MAX_VALUE);
    assertFalse(s.name().isEmpty());
    for (LeaseState.Holder h : s.holders()) {
      checkRange(h.token(), 1, MAX);
      checkRange(h.held().toMillis(), 0, MAX);
    }
  }

  private static void check(LeaseEvent e) {
    checkRange(e.token(), 0, MAX);
    checkRange(e.revision(), 0, MAX);
    e.held().ifPresent(d -> checkRange(d.toMillis(), 0, MAX));
    e.lease().ifPresent(FuzzTest::check);
  }

  /** Reads an answer and checks the result. */
  private static Consumer<Json> reader(Consumer<Json> read) {
    return read;
  }

  private static final Map<Consumer<Json>, String> READERS = Map.ofEntries(
      Map.entry(reader(raw -> check(Validate.grant(raw, "x", 0))), GRANT),
      Map.entry(reader(raw -> assertEquals(7, Validate.grant(raw, "x", 7).token())), GRANT),
      Map.entry(reader(raw -> Validate.grants(raw, List.of("x", "y")).forEach(FuzzTest::check)),
          GRANT.replace("\"name\":\"x\"", "\"leases\":[" + GRANT + "," + GRANT.replace("\"x\"", "\"y\"") + "]")),
      Map.entry(reader(raw -> Validate.renewals(raw).holds().values().forEach(h -> checkRange(h.expiresIn().toMillis(), 0, Config.MAX_TTL.toMillis()))),
          "{\"leases\":[{\"name\":\"x\",\"token\":7,\"expires_in_ms\":900,\"step_down\":{\"to\":\"w\"}}],\"waited_ms\":0}"),
      Map.entry(reader(raw -> check(Validate.state(raw, "x"))), STATE),
      Map.entry(reader(raw -> Validate.page(raw).leases().forEach(FuzzTest::check)), "{\"leases\":[" + STATE + "],\"next\":\"x\"}"),
      Map.entry(reader(raw -> assertTrue(Validate.current(raw, 7))), "{\"name\":\"x\",\"token\":7}"),
      Map.entry(reader(raw -> Validate.released(raw)), "{\"name\":\"x\",\"was_held\":false,\"ended\":\"broken\"}"),
      Map.entry(reader(raw -> checkRange(Validate.broken(raw, "x", 7).availableIn().toMillis(), 0, MAX)), "{\"name\":\"x\",\"token\":7,\"available_in_ms\":9800}"),
      Map.entry(reader(raw -> assertEquals(7, Validate.stepDownRequested(raw, "x", 7).token())), GRANT),
      Map.entry(reader(raw -> Validate.history(raw, "x").events().forEach(FuzzTest::check)), "{\"name\":\"x\",\"events\":[" + EVENT + "],\"revision\":9}"),
      Map.entry(reader(raw -> checkRange(Validate.cluster(raw).term(), 0, MAX)), CLUSTER));

  @Test
  void aMutatedAnswerIsReadWithinItsBoundsOrRefused() {
    READERS.forEach((read, answer) -> assertDoesNotThrow(() -> read.accept(Json.parse(answer)), answer));
    List<Map.Entry<Consumer<Json>, String>> readers = List.copyOf(READERS.entrySet());
    fuzz(readers.stream().map(Map.Entry::getValue).toList(), text -> {
      Map.Entry<Consumer<Json>, String> reader = mutator.random.nextInt(4) == 0 ? mutator.pick(readers) : readers.get(mutator.from);
      try {
        reader.getKey().accept(Json.parse(text));
      } catch (IllegalArgumentException e) {
        // refused
      }
    });
  }

  @Test
  void aMutatedAnswerThatIsReadIsTheSameWhenItIsWritten() {
    fuzz(List.copyOf(READERS.values()), text -> {
      Json read;
      try {
        read = Json.parse(text);
      } catch (IllegalArgumentException e) {
        return;
      }
      if (!read.toString().contains("Infinity")) { // 1e400 cannot be written again
        assertEquals(read.toString(), Json.parse(read.toString()).toString());
      }
    });
  }

  @Test
  void aMutatedProblemIsAnErrorThatClaimsNoMoreThanItContains() {
    List<String> corpus = List.of(
        "{\"type\":\"/problems/held\",\"detail\":\"d\",\"definitive\":true,\"queued\":true,\"position\":1,\"lease\":" + STATE + ",\"leases\":[" + STATE + "]}",
        "{\"type\":\"/problems/not-holder\",\"definitive\":true,\"lost\":true}", "{\"type\":\"/problems/outcome-unknown\",\"definitive\":false}",
        "{\"type\":\"/problems/gone\",\"oldest\":7,\"current\":9}", "{\"type\":\"/problems/overloaded\",\"definitive\":true,\"retry_after_ms\":1500}",
        "{\"type\":\"/problems/invalid\",\"errors\":[{\"field\":\"ttl_ms\",\"reason\":\"must be more\"}]}", "", "<html>\nbad gateway", "[".repeat(20_000));
    List<String> headers = List.of("", "1", "-1", "9".repeat(400), "Wed, 21 Oct 2026 07:28:00 GMT");
    fuzz(corpus, text -> {
      int status = mutator.pick(List.of(400, 409, 410, 429, 500, 503, 504));
      Problem p = Problem.of(status, mutator.pick(headers), text);
      LockdException e = LockdException.of(p);
      assertFalse(e.getMessage().isEmpty());
      checkRange(p.retryAfter().toMillis(), 0, 30_000);
      checkRange(p.position(), 0, MAX);
      checkRange(p.oldest(), 0, MAX);
      p.lease().ifPresent(FuzzTest::check);
      p.leases().forEach(FuzzTest::check);
      assertTrue(!p.lost() || text.contains("lost") || text.contains("\\u"), "it is not lost");
      assertTrue(!p.definitive() || status < 500 || text.contains("definitive") || text.contains("\\u"), "it is not definitive");
    });
  }

  @Test
  void aMutatedAddressIsRefusedWithoutItsCredentialsOrReadInTheSameWayAgain() {
    List<String> corpus = List.of(
        "127.0.0.1", "localhost:7400", "http://us:hunter22@node.example:80/the/locks/", "https://u%40:hunter22@[::1]:443", "[fe80::1%25eth0]:1",
        "a.b.:1", "HTTP://A_b-c.1d/%2F/x", "u:hunter22@1.2.3.4:65535/../x?y#z", "http://0x7f.1");
    fuzz(corpus, text -> {
      Address a;
      try {
        a = Address.of(text);
      } catch (IllegalArgumentException e) {
        boolean outside = text.substring(Math.max(text.lastIndexOf('@'), 0)).contains("hunter22");
        assertTrue(outside || !e.getMessage().contains("hunter22"), e.getMessage());
        return;
      }
      checkRange(a.port(), 1, 65535);
      assertEquals(a, Address.of(a.toString()));
      assertTrue(a.toString().matches("https?://[^/?#@\\s]+:[1-9][0-9]{0,4}(?:/[^?#\\s]*[^/])?"), a.toString());
    });
  }

  @Test
  void aMutatedHeaderIsRefusedWithoutItsValueOrIsSafeToSend() {
    fuzz(List.of("X-Tenant: hunter22", "Authorization: Basic hunter22", "host: hunter22", "a: hunter22\r\nb: c", "x\ty: hunter22"), text -> {
      int colon = Math.max(text.indexOf(':'), 0);
      String name = text.substring(0, colon);
      try {
        Headers.checked(List.of(Map.entry(name, text.substring(colon))), false).forEach((checked, value) -> {
          assertTrue(checked.matches("[!#$%&'*+.^_`|~0-9A-Za-z-]+") && !checked.equalsIgnoreCase("host"), checked);
          assertTrue(value.matches("[\\t -~]*"), value);
        });
      } catch (IllegalArgumentException e) {
        assertTrue(name.contains("hunter22") || !e.getMessage().contains("hunter22"), e.getMessage());
      }
    });
  }

  @Test
  void aMutatedResponseIsReadToItsEndOrRefused() {
    List<String> corpus = List.of(
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nRetry-After: 3\r\n\r\nhello", "HTTP/1.1 201 x\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nx: y\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 204\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK\n\nhello");
    fuzz(corpus, text -> {
      byte[] raw = text.getBytes(StandardCharsets.UTF_8);
      InputStream in = new ByteArrayInputStream(raw);
      try {
        ResponseReader response = ResponseReader.read(in);
        checkRange(response.status(), 101, 999);
        checkRange(response.body(reusable -> { }).readAllBytes().length, 0, raw.length);
      } catch (IOException e) {
        // refused
      }
    });
  }

  private List<String> eventsOf(InputStream in) {
    EventStream stream = new EventStream(in);
    List<String> events = new ArrayList<>();
    try {
      while (true) {
        EventStream.Message m = stream.next();
        if (m != null) {
          events.add(m.toString());
          check(Validate.event(m.event(), m.id(), Json.parse(m.data().isEmpty() ? "{}" : m.data())));
        }
      }
    } catch (IOException | IllegalArgumentException e) {
      events.add(e.toString());
    }
    return events;
  }

  @Test
  void aMutatedStreamHasTheSameEventsInAnyPieces() {
    List<String> corpus = List.of(
        "retry: 1000\n\n: keepalive\n\n", "id: 7\r\nevent: state\r\ndata: {\"revision\":7,\"lease\":" + STATE + "}\r\n\r\n",
        "id: 7\nevent: broken\ndata: " + EVENT + "\n\n", "event: gone\ndata: {\"oldest\":7,\ndata: \"current\":9}\n\n", "data\n\n",
        "id: 18446744073709551616\nevent: mark\n\n", "data: " + "[".repeat(20_000) + "\n\n");
    fuzz(corpus, text -> {
      byte[] raw = text.getBytes(StandardCharsets.UTF_8);
      InputStream pieces = new java.io.BufferedInputStream(new ByteArrayInputStream(raw) {
        @Override
        public synchronized int read(byte[] to, int off, int len) {
          return super.read(to, off, Math.min(len, 1 + mutator.random.nextInt(9)));
        }
      });
      assertEquals(eventsOf(new ByteArrayInputStream(raw)), eventsOf(pieces));
    });
  }

  @Test
  void aMutatedAnswerOfANodeMakesNoExceptionButTheClients() throws Exception {
    try (FakeNode node = new FakeNode()) {
      LockdClient client = node.client(Duration.ZERO);
      fuzz(List.of(STATE, GRANT, "{\"type\":\"/problems/held\",\"definitive\":true,\"lease\":" + STATE + "}"), text -> {
        node.answer("get", mutator.pick(List.of(200, 201, 400, 409, 410, 429, 500, 503, 504)), text);
        try {
          check(client.get("x"));
        } catch (Exception e) {
          assertInstanceOf(LockdException.class, e);
          assertFalse(e instanceof OutcomeUnknownException, "a read has no outcome");
        }
      });
    }
  }
}
