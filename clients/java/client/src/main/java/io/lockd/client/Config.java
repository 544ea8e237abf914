package io.lockd.client;

import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.net.http.HttpClient;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Collectors;

/** What all calls of a client share. */
final class Config {
  static final Duration DEFAULT_TTL = Duration.ofSeconds(15); // what the cluster gives where none is asked for
  static final int TIMEOUTS_PER_TTL = 3; // so many silent attempts a TTL must have room for
  private static final Duration DEFAULT_TIMEOUT = Duration.ofSeconds(5);
  private static final Duration MIN_TTL = Duration.ofSeconds(1);
  static final Duration MAX_TTL = Duration.ofHours(24);

  final List<URI> addresses;
  final String holder;
  final String session;
  final Duration timeout; // null where none was given
  final Duration retryFor;
  final HttpClient http;
  final Moment.Source clock;
  volatile int last; // index of the address that answered last

  Config(LockdClient.Builder b, Moment.Source clock) {
    List<String> given = b.addresses.isEmpty() ? List.of(LockdClient.DEFAULT_ADDRESS) : b.addresses;
    addresses = given.stream().map(Config::address).collect(Collectors.toUnmodifiableList());
    holder = b.holder == null ? defaultHolder() : b.holder;
    session = b.session == null ? randomSession() : b.session;
    timeout = b.requestTimeout;
    if (timeout != null && (timeout.isZero() || timeout.isNegative())) {
      throw new IllegalArgumentException("requestTimeout must be more than nothing");
    }
    retryFor = b.retryFor;
    http = b.http == null ? HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).followRedirects(HttpClient.Redirect.NEVER).build() : b.http;
    this.clock = clock;
  }

  /** How long one attempt about a lease of this TTL may take. */
  Duration attemptTimeout(Duration ttl) {
    return timeout != null ? timeout : min(DEFAULT_TIMEOUT, ttl.dividedBy(TIMEOUTS_PER_TTL + 1));
  }

  /** Refuses a TTL that no node grants, and one that a silent node would cost. */
  void checkTtl(Duration ttl) {
    if (ttl.compareTo(MIN_TTL) < 0 || ttl.compareTo(MAX_TTL) > 0) {
      throw new IllegalArgumentException("ttl " + ttl + " must be from " + MIN_TTL + " to " + MAX_TTL);
    }
    if (timeout != null && ttl.compareTo(timeout.multipliedBy(TIMEOUTS_PER_TTL)) < 0) {
      throw new IllegalArgumentException(
          "ttl " + ttl + " is too short for requestTimeout " + timeout + ": it must have room for " + TIMEOUTS_PER_TTL);
    }
  }

  static Duration min(Duration a, Duration b) {
    return a.compareTo(b) < 0 ? a : b;
  }

  static Duration max(Duration a, Duration b) {
    return a.compareTo(b) > 0 ? a : b;
  }

  private static URI address(String of) {
    String url = of.contains("://") ? of : "http://" + of;
    try {
      URI u = URI.create(url.replaceAll("/+$", ""));
      if (u.getHost() != null && ("http".equals(u.getScheme()) || "https".equals(u.getScheme())) && u.getRawPath().isEmpty()) {
        return u;
      }
    } catch (IllegalArgumentException e) {
      // told below
    }
    throw new IllegalArgumentException("\"" + of + "\" is no address: want http://host:port");
  }

  private static String randomSession() {
    byte[] b = new byte[16];
    new SecureRandom().nextBytes(b);
    return HexFormat.of().formatHex(b);
  }

  private static String defaultHolder() {
    String host = "unknown";
    try {
      host = InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException e) {
      // a host without a name
    }
    return host + "/" + ProcessHandle.current().pid();
  }
}
