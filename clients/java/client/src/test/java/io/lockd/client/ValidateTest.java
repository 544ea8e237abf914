package io.lockd.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A malformed answer counts as a missing one: a faulty proxy answers 200 too. */
class ValidateTest {
  private static final Duration PATIENCE = Duration.ofMinutes(1);
  private static final String GRANT =
      "{\"name\":\"x\",\"holder\":\"h\",\"token\":1,\"ttl_ms\":60000,\"expires_in_ms\":59940,\"waited_ms\":0}";
  private static final List<String> ANYTHING = List.of("[]", "\"x\"", "3", "null", "true", "", "<html>", "{\"lease\":3}", "{}");

  private FakeNode node;

  @BeforeEach
  void start() throws IOException {
    node = new FakeNode();
  }

  @AfterEach
  void stop() {
    node.close();
  }

  private static List<String> anythingAnd(String... more) {
    List<String> all = new ArrayList<>(ANYTHING);
    all.addAll(List.of(more));
    return all;
  }

  private static List<String> grants() {
    return anythingAnd(
        GRANT.replace("\"x\"", "\"other\""), GRANT.replace("\"x\"", "3"), GRANT.replace("token\":1", "token\":0"),
        GRANT.replace("token\":1", "token\":\"1\""), GRANT.replace("token\":1", "token\":1.5"), GRANT.replace("token\":1", "token\":true"),
        GRANT.replace("token\":1", "other\":1"), GRANT.replace("ttl_ms\":60000", "ttl_ms\":0"), GRANT.replace("60000", "\"x\""),
        GRANT.replace("expires_in_ms", "other"), GRANT.replace("59940", "\"x\""), GRANT.replace("59940", "-1"),
        GRANT.replace("59940", "1e300"), GRANT.replace("59940", "1e999"), GRANT.replace("59940", "NaN"),
        GRANT.replace("waited_ms\":0", "waited_ms\":[]"), GRANT.replace("waited_ms\":0", "waited_ms\":1e12"));
  }

  @Test
  void malformedGrantIsNotALease() {
    for (String wrong : grants()) {
      node.answer("acquire", 200, wrong);
      assertThrows(OutcomeUnknownException.class, () -> node.client(Duration.ZERO).acquire("x"), wrong);
    }
  }

  @Test
  void malformedAnswerToARenewalLeavesTheDeadlineUnchanged() throws InterruptedException {
    List<String> all = grants();
    all.add(GRANT.replace("token\":1", "token\":8"));
    Lease lease = node.client(Duration.ZERO).acquire("x", AcquireOptions.ttl(PATIENCE));
    for (String wrong : all) {
      node.answer("renew", 200, wrong);
      Duration before = lease.remaining();
      assertThrows(OutcomeUnknownException.class, lease::renew, wrong);
      assertEquals(1, lease.token(), wrong);
      assertTrue(lease.remaining().compareTo(before) <= 0 && !lease.remaining().isZero(), wrong);
    }
  }

  @Test
  void malformedAnswerToARenewalOfAllLeavesTheDeadlinesUnchanged() throws InterruptedException {
    String one = "{\"leases\":[{\"name\":\"x\",\"token\":1,\"expires_in_ms\":%s}],\"waited_ms\":%s}";
    List<String> all = anythingAnd(
        "{\"leases\":3}", "{\"leases\":[3]}", "{\"leases\":[{\"name\":\"x\"}]}", one.formatted("null", 0), one.formatted("\"x\"", 0),
        one.formatted("1e12", 0), one.formatted("1e999", 0), one.formatted("900", "\"x\""), one.formatted("900", "1e12"));
    Clock.Reading[] now = {new Clock.Reading(0, 0)};
    Config cfg = new Config(node.builder(Duration.ZERO), () -> now[0]);
    SessionRenewer renewals = new SessionRenewer(cfg, new Operations(cfg));
    for (String wrong : all) {
      node.answer("renew all", 200, wrong);
      List<Hold> holds = new ArrayList<>();
      for (String name : List.of("x", "y")) {
        holds.add(new Acquisition(cfg, new PendingReleases(), new PendingRelease.Key(name, cfg.session), AcquireOptions.ttl(PATIENCE), Interrupts.END)
            .run(Duration.ZERO, PATIENCE));
      }
      Duration before = holds.get(0).remaining();
      now[0] = new Clock.Reading(now[0].mono() + PATIENCE.toNanos() / 2, now[0].wall() + PATIENCE.toNanos() / 2);
      assertFalse(renewals.renewTogether(holds), wrong);
      for (Hold h : holds) {
        assertEquals(before.minus(PATIENCE.dividedBy(2)), h.remaining(), wrong);
      }
    }
  }

  @Test
  void malformedAnswerToAReadIsUnavailable() {
    for (String wrong : anythingAnd(
        "{\"name\":\"other\"}", "{\"name\":\"x\",\"holders\":3}", "{\"name\":\"x\",\"holders\":[3]}", "{\"name\":\"x\",\"token\":\"x\"}",
        "{\"name\":\"x\",\"holders\":[{\"holder\":\"h\",\"token\":7,\"ttl_ms\":\"x\"}]}", "{\"name\":\"x\",\"revision\":1e999}")) {
      node.answer("get", 200, wrong);
      assertThrows(UnavailableException.class, () -> node.client(Duration.ZERO).get("x"), wrong);
    }
    for (String wrong : anythingAnd("{\"leases\":3}", "{\"leases\":[{}]}", "{\"leases\":[],\"next\":3}")) {
      node.answer("list", 200, wrong);
      assertThrows(UnavailableException.class, () -> node.client(Duration.ZERO).list(""), wrong);
    }
    for (String wrong : anythingAnd("{\"token\":8}", "{\"token\":\"7\"}")) {
      node.answer("check", 200, wrong);
      assertThrows(UnavailableException.class, () -> node.client(Duration.ZERO).check("x", 7), wrong);
    }
  }

  @Test
  void malformedAnswerToAReleaseKeepsItPending() throws InterruptedException {
    LockdClient client = node.client(Duration.ZERO);
    Lease lease = client.acquire("x");
    for (String wrong : anythingAnd("{\"was_held\":1}")) {
      node.answer("release", 200, wrong);
      assertThrows(OutcomeUnknownException.class, lease::release, wrong);
      assertThrows(OutcomeUnknownException.class, () -> client.acquire("x"), wrong);
    }
    assertEquals(1, node.count("acquire x 0"));
  }

  @Test
  void malformedProblemClaimsNothing() {
    for (String wrong : anythingAnd("{\"type\":3}", "{\"position\":\"x\"}", "{\"errors\":3}", "{\"errors\":[null]}", "{\"oldest\":[]}")) {
      node.answer("acquire", 503, wrong);
      assertThrows(OutcomeUnknownException.class, () -> node.client(Duration.ZERO).acquire("x"), wrong);
      node.answer("acquire", 409, wrong);
      assertThrows(RefusedException.class, () -> node.client(Duration.ZERO).acquire("x"), wrong);
    }
  }

  @Test
  void watchReconnectsAfterAMalformedEvent() throws InterruptedException {
    List<String> wrongs = new ArrayList<>(List.of("state {}", "state {\"lease\":3}", "state {\"lease\":{}}"));
    for (String wrong : anythingAnd(
        "{\"name\":3}", "{\"name\":\"x\",\"revision\":\"x\"}", "{\"name\":\"x\",\"revision\":1e999}", "{\"name\":\"x\",\"token\":[]}",
        "{\"name\":\"x\",\"lease\":3}", "{\"name\":\"x\",\"lease\":{}}")) {
      wrongs.add("acquired " + wrong);
    }
    String right = message("acquired {\"name\":\"x\",\"token\":7}");
    for (String wrong : wrongs) {
      node.answer("watch", 200, message(wrong), right);
      try (Watch watch = node.client(PATIENCE).watch("x")) {
        LeaseEvent e = watch.next();
        assertEquals(List.of("acquired", "x", 7L, 7L), List.of(e.type(), e.name(), e.revision(), e.token()), wrong);
      }
    }
  }

  private static String message(String of) {
    int space = of.indexOf(' ');
    return "id: 7\nevent: " + of.substring(0, space) + "\ndata: " + of.substring(space + 1) + "\n\n";
  }

  @Test
  void answerWithoutAnEndEndsAtTheTimeout() throws IOException {
    try (ServerSocket stalling = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
      Thread node = new Thread(() -> stall(stalling));
      node.setDaemon(true);
      node.start();
      LockdClient client = LockdClient.builder().addresses("127.0.0.1:" + stalling.getLocalPort()).retryFor(Duration.ZERO).build();
      AcquireOptions options = AcquireOptions.ttl(Duration.ofSeconds(1));
      assertTimeoutPreemptively(PATIENCE, () -> assertThrows(OutcomeUnknownException.class, () -> client.acquire("x", options)));
    }
  }

  private static void stall(ServerSocket node) {
    List<Socket> open = new ArrayList<>();
    try {
      while (true) {
        Socket s = node.accept();
        open.add(s);
        InputStream in = s.getInputStream();
        in.read(new byte[1]);
        s.getOutputStream().write("HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{".getBytes(StandardCharsets.US_ASCII));
      }
    } catch (IOException e) {
      // the test is over
    }
  }
}
