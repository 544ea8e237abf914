package io.lockd.client;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.http.HttpClient;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

/** Tokens: where they are sent, how a file of one is read, and what a refusal of one does to a hold. */
class TokenTest {
  private static final String TOKEN = "lockd_abcdefghij_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG_012345";
  private static final AcquireOptions UNKEPT = AcquireOptions.DEFAULT.withKeep(false);
  private static final AcquireOptions SECOND = AcquireOptions.ttl(Duration.ofSeconds(1));

  @TempDir Path dir;

  private FakeNode node;
  private volatile String current = TOKEN;

  @BeforeEach
  void start() throws IOException {
    node = new FakeNode();
    node.deny = (verb, name, authorization, body) -> ("Bearer " + current).equals(authorization) ? 0 : 401;
  }

  @AfterEach
  void stop() {
    node.close();
  }

  private LockdClient client() {
    return node.builder(Duration.ZERO).token(TOKEN).build();
  }

  private LockdClient client(Path file) {
    return node.builder(Duration.ZERO).tokenFile(file).build();
  }

  /** From now on the credentials of these requests are refused with this status. */
  private void deny(int status, String of) {
    node.deny = (verb, name, authorization, body) -> of.equals(verb) ? status : 0;
  }

  private static Class<? extends LockdException> kind(int status) {
    return status == 401 ? UnauthenticatedException.class : NotAllowedException.class;
  }

  private Path file(String token) throws IOException {
    return Files.writeString(dir.resolve("token"), token);
  }

  private List<String> tokens() {
    return node.credentials.stream().map(c -> c.replace("Bearer ", "")).toList();
  }

  private static void await(String what, Executable check) throws Throwable {
    for (long end = System.nanoTime() + Duration.ofMinutes(1).toNanos(); true; Thread.sleep(5)) {
      try {
        check.execute();
        return;
      } catch (AssertionError e) {
        if (System.nanoTime() > end) {
          throw new AssertionError(what, e);
        }
      }
    }
  }

  @Test
  void tokenIsSentWithEachRequest() throws Exception {
    current = "another";
    LockdClient client = client();
    assertThrows(UnauthenticatedException.class, () -> client.get("x"));
    assertThrows(UnauthenticatedException.class, () -> client.acquire("x"));
    try (Watch watch = client.watch("x")) {
      assertThrows(UnauthenticatedException.class, watch::next);
    }
    assertEquals(List.of(TOKEN, TOKEN, TOKEN), tokens());
  }

  @Test
  void wrongSettingsAreRefusedWhenTheClientIsMade() throws IOException {
    refused(at("http://other:7400").token(TOKEN), "write https://other:7400, or set insecure");
    refused(at("10.0.0.1/base").token(TOKEN), "write https://10.0.0.1:7400/base");
    refused(at("localhost", "localhost.other").token(TOKEN), "only over https");
    refused(at("node").token(TOKEN).tokenFile(dir), "token and tokenFile are both given");
    refused(at("https://node").token(TOKEN).header("authorization", "x"), "a token too; give only one");
    refused(at("https://node").tokenFile(dir.resolve("none")), "none\": it does not exist");
    refused(at("https://node").tokenFile(dir), "tokenFile");
    refused(at("https://node").tokenFile(file("\n")), "must be one token");
    for (String wrong : List.of("", " " + TOKEN, TOKEN + "\n", TOKEN + "\r\ny: z", "ü", TOKEN + " b")) {
      refused(at("https://node").token(wrong), "token: it must be one token");
    }
    for (String address : List.of("https://other", "localhost", "http://127.0.0.9:1", "[::1]", "[0:0::1]:1")) {
      at(address).token(TOKEN).build();
    }
    at("http://other").token(TOKEN).insecure(true).build();
    HttpClient redirects = HttpClient.newBuilder().followRedirects(HttpClient.Redirect.NORMAL).build();
    refused(at("https://node").httpClient(redirects), "httpClient follows redirects");
  }

  private static LockdClient.Builder at(String... addresses) {
    return LockdClient.builder().addresses(addresses);
  }

  private static void refused(LockdClient.Builder b, String why) {
    Exception e = assertThrows(IllegalArgumentException.class, b::build, why);
    assertTrue(e.getMessage().contains(why), e.getMessage());
    assertFalse(e.toString().contains(TOKEN), e.toString());
    assertEquals(null, e.getCause());
  }

  @Test
  void redirectIsNotFollowed() throws Exception {
    try (FakeNode other = new FakeNode();
        RawNode redirecting = new RawNode((request, out) -> RawNode.write(
            out, "HTTP/1.1 307 x\r\nLocation: http://127.0.0.1:" + other.port() + "/v1/leases/x/acquire\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"))) {
      for (LockdClient.Builder b : List.of(redirecting.client(), redirecting.client().httpClient(HttpClient.newHttpClient()))) {
        LockdClient client = b.token(TOKEN).build();
        assertThrows(RefusedException.class, () -> client.acquire("x"));
        assertThrows(RefusedException.class, () -> client.get("x"));
        try (Watch watch = client.watch("x")) {
          assertThrows(RefusedException.class, watch::next);
        }
      }
      assertEquals(List.of(), other.credentials);
    }
  }

  @Test
  void renewalWorksWithTheTokenThatTheFileHasAfterARefusal() throws Exception {
    for (int status : List.of(401, 429)) {
      node.deny = (verb, name, authorization, body) -> ("Bearer " + current).equals(authorization) ? 0 : status;
      node.credentials.clear();
      renewalWorksWithTheTokenThatTheFileHasAfter(status);
    }
  }

  private void renewalWorksWithTheTokenThatTheFileHasAfter(int status) throws Exception {
    current = "first";
    Path file = file("first\n");
    Lease lease = client(file).acquire("x", UNKEPT);
    lease.renew();
    current = "second";
    RefusedException refused = assertThrows(RefusedException.class, lease::renew);
    assertEquals(status, refused.problem().orElseThrow().status());
    assertFalse(lease.lost());
    assertFalse(lease.remaining().isZero());
    file("second \r\n");
    lease.renew();
    lease.release();
    assertEquals(List.of("first", "first", "first", "first", "second", "second"), tokens());
  }

  @Test
  void holdWithoutCredentialsLastsUntilItsDeadline() throws Throwable {
    for (int status : List.of(401, 403)) {
      try (Warnings warnings = Warnings.with("a renewal was refused: ")) {
        node.deny = (verb, name, authorization, body) -> 0;
        node.requests.clear();
        long begun = System.nanoTime();
        Lease lease = client().acquire("x" + status, SECOND);
        deny(status, "renew");
        assertTrue(lease.awaitEnd(Duration.ofMinutes(1)));
        Duration lasted = Duration.ofNanos(System.nanoTime() - begun);
        assertTrue(lease.lost());
        assertTrue(lasted.toMillis() >= 900 && lasted.toMillis() < 5_000, lasted::toString);
        LeaseLostException lost = assertThrows(LeaseLostException.class, lease::check);
        assertTrue(lost.getMessage().contains("local deadline"), lost.getMessage());
        long renewals = node.count("renew x" + status + " " + lease.token());
        assertTrue(renewals >= 2 && renewals <= 10, () -> renewals + " renewals");
        assertEquals(1, warnings.all.size(), warnings.all::toString);
        assertTrue(warnings.all.get(0).endsWith("it is repeated until the deadline of the lease"), warnings.all::toString);
      }
    }
  }

  @Test
  void renewalThatWorksAgainKeepsTheHold() throws Throwable {
    AtomicInteger refusals = new AtomicInteger(2);
    node.deny = (verb, name, authorization, body) -> verb.equals("renew") && refusals.getAndDecrement() > 0 ? 401 : 0;
    Lease lease = client().acquire("x", AcquireOptions.ttl(Duration.ofSeconds(3)));
    await("it is renewed", () -> assertTrue(node.count("renew x 1") >= 4));
    assertFalse(lease.lost());
    lease.release();
  }

  @Test
  void holdThatMayNotBeRenewedDoesNotCostTheOthers() throws Exception {
    node.deny = (verb, name, authorization, body) -> verb.equals("renew") && name.equals("a")
        || verb.equals("renew all") && body.list("leases").stream().anyMatch(l -> l.text("name").equals("a")) ? 403 : 0;
    LockdClient client = client();
    AcquireOptions options = AcquireOptions.ttl(Duration.ofSeconds(3));
    Lease a = client.acquire("a", options);
    Lease b = client.acquire("b", options);
    assertTrue(a.awaitEnd(Duration.ofMinutes(1)));
    assertTrue(a.lost());
    assertFalse(b.lost());
    assertFalse(b.remaining().isZero());
    b.release();
  }

  @Test
  void acquireWithoutCredentialsEndsAtOnce() throws Exception {
    LockdClient client = node.builder(Duration.ofSeconds(5)).token(TOKEN).build();
    for (int status : List.of(401, 403)) {
      node.deny = (verb, name, authorization, body) -> status;
      for (Executable call : List.<Executable>of(
          () -> client.acquire("x", AcquireOptions.waiting(Duration.ofMinutes(1))),
          () -> client.acquireAll(List.of("x"), AcquireOptions.DEFAULT),
          () -> client.elect("x", Duration.ofSeconds(15), lease -> {}))) {
        node.credentials.clear();
        LockdException e = assertThrows(kind(status), call);
        assertEquals(status, e.problem().orElseThrow().status());
        assertEquals(1, node.credentials.size(), "neither a repeat nor a release");
      }
    }
  }

  @Test
  void acquireIsRepeatedOnceWithTheNewTokenOfTheFile() throws Exception {
    Path file = file("first");
    current = "second";
    LockdClient client = client(file);
    file("second");
    client.acquire("x", UNKEPT);
    current = "third";
    assertThrows(UnauthenticatedException.class, () -> client.acquire("y"));
    file("fourth");
    assertThrows(UnauthenticatedException.class, () -> client.acquire("y"));
    assertEquals(List.of("first", "second", "second", "second", "fourth"), tokens());
  }

  @Test
  void watchContinuesAfterALimitOnceItHasBegun() throws Exception {
    String event = "event: acquired\nid: %1$d\ndata: {\"name\":\"x\",\"holder\":\"h\",\"token\":%1$d}\n\n";
    String limit = "{\"type\":\"/problems/rate-limited\",\"definitive\":true,\"retry_after_ms\":300}";
    node.answer("watch", 200, event.formatted(7));
    node.thenAnswer("watch", 429, limit);
    node.thenAnswer("watch", 200, event.formatted(9));
    node.thenAnswer("watch", 429, limit);
    try (Watch watch = client().watch("x")) {
      assertEquals(7, watch.next().revision());
      long began = System.nanoTime();
      assertEquals(9, watch.next().revision());
      assertTrue(System.nanoTime() - began >= Duration.ofMillis(300).toNanos());
    }
    try (Watch watch = client().watch("x")) {
      assertThrows(RefusedException.class, watch::next);
    }
  }

  @Test
  void watchIsRepeatedWithTheNewTokenOfTheFile() throws Exception {
    Path file = file("first");
    current = "none";
    try (Watch watch = client(file).watch("x")) {
      file("second");
      assertThrows(UnauthenticatedException.class, watch::next);
    }
    assertEquals(List.of("first", "second"), tokens());
  }

  @Test
  void waiterThatIsRefusedLeavesItsPlaceInTheQueue() throws Exception {
    AtomicInteger acquires = new AtomicInteger();
    node.answer("acquire", 409, "{\"type\":\"/problems/held\",\"definitive\":true,\"queued\":true,\"position\":1}");
    node.deny = (verb, name, authorization, body) -> verb.equals("release") || acquires.getAndIncrement() > 0 ? 401 : 0;
    assertThrows(UnauthenticatedException.class, () -> client().acquire("x", AcquireOptions.waiting(Duration.ofMinutes(1))));
    assertEquals(List.of("acquire x 0", "acquire x 0", "release x 0"), node.requests);
  }

  @Test
  void releaseWithoutCredentialsIsReportedAndNotRepeated() throws Exception {
    for (int status : List.of(401, 403)) {
      try (Warnings warnings = Warnings.with("x" + status + ": the work has finished")) {
        String name = "x" + status;
        LockdClient client = client();
        node.deny = (verb, of, authorization, body) -> 0;
        Lease lease = client.acquire(name);
        String release = "release " + name + " " + lease.token();
        deny(status, "release");
        assertThrows(kind(status), lease::release);
        assertFalse(lease.lost());
        long begun = System.nanoTime();
        assertFalse(client.awaitReleases(Duration.ofSeconds(30)));
        assertTrue(System.nanoTime() - begun < Duration.ofSeconds(20).toNanos(), "it does not wait for it");
        Thread.sleep(300);
        assertEquals(1, node.count(release), "it is not repeated in the background");
        assertThrows(kind(status), () -> client.acquire(name));
        assertEquals(2, node.count(release), "the next acquire sends it first");
        assertThrows(kind(status), lease::release, "a repeat sends it again");
        node.deny = (verb, of, authorization, body) -> 0;
        try (Lease next = client.acquire(name)) {
          assertEquals(4, node.count(release));
          next.check();
          deny(status, "release");
        }
        assertEquals(5, node.count(release));
        assertEquals(1, warnings.all.size(), warnings.all::toString);
        assertTrue(warnings.all.get(0).endsWith("; the lease ends with its TTL"), warnings.all::toString);
      }
    }
  }

  @Test
  void releaseWithoutCredentialsIsForgottenAfterItsTtl() throws Throwable {
    LockdClient client = client();
    Lease lease = client.acquire("x", SECOND.withKeep(false));
    deny(403, "release");
    assertThrows(NotAllowedException.class, lease::release);
    await("it is forgotten", () -> assertTrue(client.awaitReleases(Duration.ZERO)));
  }

  @Test
  void tokenIsInNoErrorNoTextAndNoWarning() throws Exception {
    List<Map.Entry<Integer, String>> answers = List.of(
        Map.entry(401, ""), Map.entry(403, "text "), Map.entry(400, "{\"type\":\"/problems/invalid\",\"detail\":\"x\"}"), Map.entry(503, ""), Map.entry(200, ""));
    List<Map.Entry<Integer, String>> now = new CopyOnWriteArrayList<>();
    try (Warnings warnings = Warnings.with("");
        RawNode echo = new RawNode((request, out) -> {
          String token = request.lines().filter(l -> l.startsWith("Authorization")).findFirst().orElse("");
          String body = now.get(0).getValue();
          RawNode.write(out, RawNode.answer(now.get(0).getKey(), body.contains("x") ? body.replace("\"x\"", "\"" + token + "\"") : body + token));
        })) {
      LockdClient client = echo.client().token(TOKEN).build();
      List<String> shown = new ArrayList<>();
      for (Map.Entry<Integer, String> answer : answers) {
        now.clear();
        now.add(answer);
        for (Executable call : List.<Executable>of(() -> client.get("x"), () -> client.acquireAll(List.of("x"), AcquireOptions.DEFAULT), () -> {
          try (Watch watch = client.watch("x")) {
            watch.next();
          }
        })) {
          LockdException e = assertThrows(LockdException.class, call);
          StringWriter trace = new StringWriter();
          e.printStackTrace(new PrintWriter(trace));
          shown.add(trace + " " + e.problem());
        }
      }
      Config cfg = new Config(echo.client().token(TOKEN), Clock::system);
      shown.add(cfg + " " + cfg.tokens + " " + cfg.headers + " " + client + " " + warnings.all);
      shown.add(new Transport.Request(cfg.addresses.get(0), "GET", "/", cfg.headersFor(TOKEN, "", false), null, Duration.ZERO, false).toString());
      assertTrue(shown.size() > 15);
      assertFalse(String.join("\n", shown).contains(TOKEN), () -> String.join("\n", shown));
    }
  }

  @Test
  void fileIsReadAgainEachMinuteAndItsLastGoodTokenStays() throws Exception {
    Duration[] now = {Duration.ZERO};
    Path file = file("first\r\n");
    Tokens tokens = new Tokens(null, file, () -> new Clock.Reading(now[0].toNanos(), now[0].toMillis()));
    file("second");
    assertEquals("first", tokens.current());
    now[0] = now[0].plus(Tokens.REREAD);
    assertEquals("second", tokens.current());
    try (Warnings warnings = Warnings.with("the last token is still used")) {
      for (String text : List.of("", "two words", "x".repeat(16_385), "gone")) {
        file(text);
        if (text.equals("gone")) {
          Files.delete(file);
        }
        now[0] = now[0].plus(Tokens.REREAD);
        assertEquals("second", tokens.current());
        assertFalse(tokens.changed("second"));
      }
      assertEquals(1, warnings.all.size(), warnings.all::toString);
      file("third");
      assertTrue(tokens.changed("second"));
      assertEquals("third", tokens.current());
      Files.delete(file);
      assertFalse(tokens.changed("third"));
      assertEquals(2, warnings.all.size(), warnings.all::toString);
    }
  }

  @Test
  void eachRefusalHasItsException() {
    Map<String, Class<?>> kinds = Map.of(
        "401 unauthenticated", UnauthenticatedException.class, "403 not-allowed", NotAllowedException.class,
        "403 cross-origin", CrossOriginException.class, "429 quota", QuotaExceededException.class);
    kinds.forEach((answer, kind) -> {
      String[] parts = answer.split(" ");
      LockdException e = LockdException.of(Problem.of(Integer.parseInt(parts[0]), "", "{\"type\":\"/problems/" + parts[1] + "\",\"definitive\":true}"));
      assertEquals(kind, e.getClass());
      assertTrue(e instanceof RefusedException);
    });
    assertEquals(UnauthenticatedException.class, LockdException.of(Problem.of(401, "", "<html>")).getClass());
    assertEquals(NotAllowedException.class, LockdException.of(Problem.of(403, "", "")).getClass());
  }

  @Test
  void waitContinuesWhenAQuotaIsUsedUp() throws Exception {
    node.answer("acquire", 429, "{\"type\":\"/problems/quota\",\"definitive\":true}");
    assertThrows(QuotaExceededException.class, () -> client().acquire("x"));
    AtomicInteger acquires = new AtomicInteger();
    node.deny = (verb, name, authorization, body) -> {
      if (verb.equals("acquire") && acquires.incrementAndGet() == 2) {
        node.answer("acquire", 200);
      }
      return 0;
    };
    assertDoesNotThrow(() -> client().acquire("x", UNKEPT.withWait(Duration.ofMinutes(1))).release());
    assertEquals(2, acquires.get());
  }
}
