package io.lockd.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The addresses that all clients read in the same way, and the requests to them. */
class AddressTest {
  private static final Path CASES = Path.of("../../conformance/addresses.json");

  @Test
  void addressesOfTheConformanceFileAreReadAsItSays() throws IOException {
    List<Json> cases = Json.of(Map.of("all", Json.parse(Files.readString(CASES)).value())).list("all");
    assertFalse(cases.isEmpty());
    for (Json c : cases) {
      String address = c.text("address");
      if (c.has("refused")) {
        refused(address, c.text("refused"), c.text("secret"));
      } else {
        Address a = Address.of(address);
        assertEquals(c.text("base"), a.toString(), address);
        assertEquals(c.text("base"), Address.of(c.text("base")).toString());
      }
    }
  }

  private static void refused(String address, String why, String secret) {
    Exception e = assertThrows(IllegalArgumentException.class, () -> LockdClient.at(address), address);
    assertTrue(e.getMessage().toLowerCase(Locale.ROOT).contains(why), () -> address + ": " + e.getMessage());
    assertTrue(secret.isEmpty() || !e.toString().contains(secret), () -> address + ": " + e);
    assertEquals(null, e.getCause());
  }

  @Test
  void emptyAddressListAndInvalidSettingsAreRefused() {
    assertThrows(IllegalArgumentException.class, LockdClient::at);
    for (Duration wrong : List.of(Duration.ofMillis(999), Duration.ofMillis(60_001))) {
      assertThrows(IllegalArgumentException.class, () -> LockdClient.builder().waitPiece(wrong).build());
    }
    assertThrows(IllegalArgumentException.class, () -> LockdClient.builder().unreachableTimeout(Duration.ZERO).build());
  }

  @Test
  void invalidHeadersAreRefusedAndNoErrorContainsAValue() {
    for (String wrong : List.of("x y", "", "Host", "content-length", "Accept", "x:")) {
      assertFalse(headerError(wrong, "hunter22").contains("hunter22"), wrong);
    }
    for (String wrong : List.of("hunter22\r\ny: z", "hünter22")) {
      assertFalse(headerError("x", wrong).contains("nter22"), wrong);
    }
    assertThrows(IllegalArgumentException.class, () -> LockdClient.builder().header("a", "1").header("A", "2").build());
  }

  private static String headerError(String name, String value) {
    return assertThrows(IllegalArgumentException.class, () -> LockdClient.builder().header(name, value).build()).toString();
  }

  @Test
  void callsAndWatchesSendBasePathAndHeadersAndEscapeASlash() throws Exception {
    List<String> requests = new ArrayList<>();
    try (RawNode node = new RawNode((request, out) -> {
      synchronized (requests) {
        requests.add(request);
      }
    })) {
      LockdClient client = LockdClient.builder().addresses("127.0.0.1:" + node.port() + "/the/locks/")
          .header("X-Tenant", "blue").header("Authorization", "Basic dXM6aHVudGVyMjI=").retryFor(Duration.ZERO).build();
      Exception e = assertThrows(OutcomeUnknownException.class, () -> client.acquire("jobs/a"));
      assertFalse(e.toString().contains("hunter22"), e.toString());
      try (Watch watch = client.watch("jobs/a")) {
        assertThrows(UnavailableException.class, watch::next);
      }
      synchronized (requests) {
        for (String line : List.of("POST /the/locks/v1/leases/jobs%2Fa/acquire ", "POST /the/locks/v1/leases/jobs%2Fa/release ", "GET /the/locks/v1/watch?name=jobs%2Fa ")) {
          assertTrue(requests.stream().anyMatch(a -> a.startsWith(line + "HTTP/1.1\r\n")), line);
        }
        for (String a : requests) {
          assertTrue(a.contains("\r\nHost: 127.0.0.1:" + node.port() + "\r\n"), a);
          assertTrue(a.contains("\r\nAuthorization: Basic dXM6aHVudGVyMjI=\r\n") && a.contains("\r\nX-Tenant: blue\r\n"), a);
        }
      }
    }
  }
}
