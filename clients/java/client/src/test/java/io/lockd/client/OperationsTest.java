package io.lockd.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** Acquire of several leases, history, cluster status, and the operations for operators. */
class OperationsTest {
  private static final Duration MINUTE = Duration.ofMinutes(1);
  private static final AcquireOptions OPTIONS = AcquireOptions.ttl(MINUTE).withKeep(false);
  private static final String GRANTS = "{\"holder\":\"h\",\"ttl_ms\":60000,\"expires_in_ms\":59940,\"leases\":["
      + "{\"name\":\"b\",\"token\":8,\"slot\":0,\"previous\":{\"holder\":\"g\",\"token\":3,\"end\":\"expired\"}},{\"name\":\"a\",\"token\":9,\"slot\":0}]}";
  private static final String HELD = "{\"type\":\"/problems/held\",\"definitive\":true,\"leases\":[{\"name\":\"a\",\"holder\":\"other\",\"token\":3}]}";
  private static final String STALE = "{\"type\":\"/problems/stale-token\",\"definitive\":true,\"lost\":true}";
  private static final String BROKEN = "{\"name\":\"x\",\"token\":7,\"available_in_ms\":9800,\"revision\":9}";
  private static final String STEP_DOWN =
      "{\"name\":\"x\",\"holder\":\"h\",\"token\":7,\"step_down\":{\"to\":\"other\",\"within_ms\":30000},\"revision\":9}";
  private static final String HISTORY = "{\"name\":\"x\",\"revision\":9,\"events\":[{\"revision\":7,\"at\":\"2026-11-20T09:30:00.000Z\","
      + "\"type\":\"broken\",\"name\":\"x\",\"token\":7,\"held_ms\":900,\"reason\":\"stuck\"}]}";
  private static final String CLUSTER = "{\"cluster_id\":\"c\",\"node\":{\"id\":\"n-1\",\"name\":\"n\",\"state\":\"leader\"},\"leader\":\"n\",\"term\":4,"
      + "\"revision\":9,\"nodes\":[{\"id\":\"n-1\",\"name\":\"n\",\"voter\":true,\"leader\":true,\"last_contact_ms\":5}]}";
  private static final List<String> ANYTHING = List.of("[]", "\"x\"", "3", "null", "", "<html>");

  private FakeNode node;
  private LockdClient client;

  @BeforeEach
  void start() throws IOException {
    node = new FakeNode();
    client = node.client(Duration.ZERO);
  }

  @AfterEach
  void stop() {
    node.close();
  }

  @Test
  void acquireAllReturnsALeaseForEachNameInOrder() throws InterruptedException {
    node.answer("acquire all", 201, GRANTS);
    List<Lease> leases = client.acquireAll(List.of("b", "a"), OPTIONS.withMeta(Map.of("job", 1)));
    Json body = node.lastBody("acquire all");
    assertEquals(List.of("b", "a"), body.list("names").stream().map(Json::string).toList());
    assertEquals(List.of(client.session(), 60000L, "{\"job\":1}"), List.of(body.text("session"), body.number("ttl_ms"), body.get("meta").toString()));
    assertTrue(body.text("attempt").matches("[0-9a-f]{16}"), body.toString());
    assertEquals(List.of("b 8", "a 9"), leases.stream().map(l -> l.name() + " " + l.token()).toList());
    assertEquals(Optional.of(new Previous("g", 3, "expired")), leases.get(0).previous());
    assertThrows(HeldException.class, () -> client.acquire("a"));
    for (Lease l : leases) {
      assertFalse(l.remaining().isZero());
      l.release();
    }
    assertEquals(List.of("acquire all", "release b 8", "release a 9"), node.requests);
  }

  @Test
  void aRefusedAcquireAllHasTheLeasesThatPreventedIt() {
    node.answer("acquire all", 409, HELD);
    HeldException e = assertThrows(HeldException.class, () -> client.acquireAll(List.of("b", "a"), OPTIONS));
    assertEquals(List.of("a other"), e.problem().orElseThrow().leases().stream().map(l -> l.name() + " " + l.holder()).toList());
    assertThrows(HeldException.class, () -> client.acquireAll(List.of("b"), OPTIONS), "the names are free for the next call");
    assertEquals(List.of("acquire all", "acquire all"), node.requests);
  }

  @Test
  void acquireAllOfANameThatThisClientHoldsSendsNothing() throws InterruptedException {
    Lease lease = client.acquire("b", OPTIONS);
    assertThrows(HeldException.class, () -> client.acquireAll(List.of("a", "b"), OPTIONS));
    assertEquals(List.of("acquire b 0"), node.requests);
    lease.release();
  }

  @Test
  void anAcquireAllOfUnknownOutcomeReleasesTheAttemptOfEachName() {
    for (String wrong : List.of("{}", GRANTS.replace("\"a\"", "\"c\""), GRANTS.replace("\"token\":9", "\"token\":0"), GRANTS.replace("59940", "1e12"))) {
      node.requests.clear();
      node.bodies.clear();
      node.answer("acquire all", 201, wrong);
      assertThrows(OutcomeUnknownException.class, () -> client.acquireAll(List.of("b", "a"), OPTIONS), wrong);
      assertEquals(List.of("acquire all", "release b 0", "release a 0"), node.requests, wrong);
      String attempt = node.lastBody("acquire all").text("attempt");
      assertEquals(List.of(attempt, attempt), List.of(node.lastBody("release b 0").text("attempt"), node.lastBody("release a 0").text("attempt")));
    }
  }

  @Test
  void invalidArgumentsAreRefusedBeforeAnythingIsSent() {
    for (List<String> names : List.of(List.<String>of(), List.of("a", "b", "a"), java.util.Collections.nCopies(65, "x"))) {
      assertThrows(IllegalArgumentException.class, () -> client.acquireAll(names, OPTIONS), names.toString());
    }
    for (AcquireOptions o : List.of(OPTIONS.withWait(MINUTE), OPTIONS.withLimit(2), OPTIONS.withReclaim(true), OPTIONS.withTtl(Duration.ofMillis(9)))) {
      assertThrows(IllegalArgumentException.class, () -> client.acquireAll(List.of("a"), o), o.toString());
    }
    assertThrows(IllegalArgumentException.class, () -> client.breakHold("x", 0, "r"));
    assertThrows(IllegalArgumentException.class, () -> client.stepDown("x", -1, new StepDown("", Optional.empty())));
    assertEquals(List.of(), node.requests);
  }

  private void assertMalformed(String verb, Class<? extends LockdException> error, Executable call, String right, String... replacements) {
    for (String wrong : ANYTHING) {
      node.answer(verb, 200, wrong);
      assertThrows(error, call, wrong);
    }
    for (int i = 0; i < replacements.length; i += 2) {
      String wrong = right.replace(replacements[i], replacements[i + 1]);
      node.answer(verb, 200, wrong);
      assertThrows(error, call, wrong);
    }
  }

  @Test
  void aBreakHasTheFormOfTheContract() throws InterruptedException {
    node.answer("break", 202, BROKEN);
    assertEquals(new Broken("x", 7, Duration.ofMillis(9800), 9), client.breakHold("x", 7, "stuck", Duration.ZERO));
    assertEquals("{\"token\":7,\"reason\":\"stuck\",\"grace_ms\":0}", node.lastBody("break x 7").toString());
    client.breakHold("x", 7, "stuck");
    assertEquals("{\"token\":7,\"reason\":\"stuck\"}", node.lastBody("break x 7").toString());
    assertMalformed("break", OutcomeUnknownException.class, () -> client.breakHold("x", 7, "stuck"), BROKEN,
        "\"x\"", "\"y\"", "\"token\":7", "\"token\":8", "available_in_ms", "other", "9800", "-1");
  }

  @Test
  void aStepDownHasTheFormOfTheContract() throws InterruptedException {
    StepDown request = new StepDown("other", Optional.of(Duration.ofSeconds(30)));
    node.answer("step-down", 202, STEP_DOWN);
    assertEquals(new StepDownRequested("x", "h", 7, request, 9), client.stepDown("x", 7, request));
    assertEquals("{\"token\":7,\"to\":\"other\",\"within_ms\":30000}", node.lastBody("step-down x 7").toString());
    client.stepDown("x", 7, new StepDown("", Optional.empty()));
    assertEquals("{\"token\":7}", node.lastBody("step-down x 7").toString());
    assertMalformed("step-down", OutcomeUnknownException.class, () -> client.stepDown("x", 7, request), STEP_DOWN,
        "\"x\"", "\"y\"", "\"token\":7", "\"token\":8", "\"other\"", "3", "30000", "-1");
  }

  @Test
  void anOldTokenOfAnOperatorIsLost() {
    node.answer("break", 409, STALE);
    node.answer("step-down", 409, STALE);
    assertThrows(LeaseLostException.class, () -> client.breakHold("x", 7, "stuck"));
    assertThrows(LeaseLostException.class, () -> client.stepDown("x", 7, new StepDown("", Optional.empty())));
  }

  @Test
  void aHistoryHasTheFormOfTheContract() throws InterruptedException {
    node.answer("history", 200, HISTORY);
    LeaseHistory history = client.history("x");
    LeaseEvent e = history.events().get(0);
    assertEquals(List.of("x", 9L, 1), List.of(history.name(), history.revision(), history.events().size()));
    assertEquals(List.of("broken", 7L, "stuck", Duration.ofMillis(900), "2026-11-20T09:30:00Z"),
        List.of(e.type(), e.token(), e.reason(), e.held().orElseThrow(), e.at().orElseThrow().toString()));
    assertMalformed("history", UnavailableException.class, () -> client.history("x"), HISTORY,
        "\"x\"", "\"y\"", "\"events\"", "\"other\"", "\"token\":7", "\"token\":-1", "900", "\"x\"");
  }

  @Test
  void aClusterStatusHasTheFormOfTheContract() throws InterruptedException {
    node.answer("cluster", 200, CLUSTER);
    ClusterStatus c = client.cluster();
    assertEquals(List.of("c", "n", 4L, "leader"), List.of(c.clusterId(), c.leader(), c.term(), c.node().state()));
    assertEquals(new ClusterStatus.Member("n-1", "n", "", "", true, true, 0, Optional.of(Duration.ofMillis(5))), c.members().get(0));
    assertMalformed("cluster", UnavailableException.class, client::cluster, CLUSTER,
        "\"node\"", "\"other\"", "\"term\":4", "\"term\":-1", "true", "1", "{\"id\":\"n-1\",\"name\":\"n\",\"voter\"", "{\"voter\"", "\"last_contact_ms\":5", "\"last_contact_ms\":\"x\"");
  }

  @Test
  void theOperationsWorkOnARealNode() throws Exception {
    try (RealNode real = new RealNode()) {
      LockdClient holder = LockdClient.builder().addresses(real.address).holder("holder").build();
      LockdClient operator = LockdClient.builder().addresses(real.address).holder("operator").build();
      List<Lease> leases = holder.acquireAll(List.of("a", "b"), OPTIONS);
      Lease a = leases.get(0);
      Lease b = leases.get(1);
      assertTrue(operator.check("a", a.token()));
      HeldException e = assertThrows(HeldException.class, () -> operator.acquireAll(List.of("b", "c"), OPTIONS));
      assertEquals(List.of("b holder"), e.problem().orElseThrow().leases().stream().map(l -> l.name() + " " + l.holder()).toList());
      assertEquals("free", operator.get("c").state());

      StepDown request = new StepDown("operator", Optional.of(Duration.ofSeconds(30)));
      assertEquals("holder", operator.stepDown("a", a.token(), request).holder());
      assertEquals(Optional.empty(), a.stepDown());
      a.renew();
      assertEquals("operator", a.stepDown().orElseThrow().to());

      assertEquals(b.token(), operator.breakHold("b", b.token(), "a test", Duration.ZERO).token());
      assertThrows(LeaseLostException.class, b::renew);
      assertTrue(b.lost());
      assertThrows(LeaseLostException.class, () -> operator.breakHold("b", a.token(), "a test"), "it is not a token of b");
      assertFalse(operator.check("b", b.token()));
      LeaseEvent end = operator.history("b").events().stream().filter(x -> x.type().equals("broken")).findFirst().orElseThrow();
      assertEquals(List.of(b.token(), "a test"), List.of(end.token(), end.reason()));

      assertEquals(List.of("a"), operator.list("").stream().map(LeaseState::name).toList());
      ClusterStatus c = operator.cluster();
      assertEquals(List.of(c.leader()), c.members().stream().map(ClusterStatus.Member::name).toList());
      assertEquals("leader", c.node().state());
      a.release();
    }
  }
}
