package io.lockd.client;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.net.http.HttpClient;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The configuration and state that all calls of a client share. */
final class Config {
  static final Duration DEFAULT_TTL = Duration.ofSeconds(15); // the cluster's default
  static final int TIMEOUTS_PER_TTL = 3; // so many attempts without an answer must fit into a TTL
  static final int SESSION_BYTES = 16;
  private static final Duration DEFAULT_TIMEOUT = Duration.ofSeconds(5);
  private static final Duration MIN_TTL = Duration.ofSeconds(1);
  static final Duration MAX_TTL = Duration.ofHours(24);
  private static final Duration MIN_PIECE = Duration.ofSeconds(1);
  private static final Duration MAX_PIECE = Duration.ofSeconds(60); // the longest wait of one request

  final List<Address> addresses;
  final Map<String, String> headers;
  final Tokens tokens;
  final String holder;
  final String session;
  final Duration timeout; // null if none was given
  final Duration retryFor;
  final Duration unreachableTimeout;
  final Duration piece;
  final Reachability reachability;
  final Transport transport;
  final Workers workers = new Workers();
  final Clock clock;
  final Route route;

  Config(LockdClient.Builder b, Clock clock) {
    if (b.addresses.isEmpty()) {
      throw new IllegalArgumentException("addresses is empty: give at least one, or omit the option to use " + LockdClient.DEFAULT_ADDRESS);
    }
    addresses = b.addresses.stream().map(Address::of).toList();
    route = new Route(addresses.size());
    tokens = new Tokens(b.token, b.tokenFile, clock);
    tokens.checkAddresses(addresses, b.insecure);
    headers = Headers.checked(b.headers, tokens.given());
    holder = b.holder == null ? defaultHolder() : b.holder;
    session = b.session == null ? random(SESSION_BYTES) : b.session;
    timeout = b.requestTimeout;
    if (timeout != null && (timeout.isZero() || timeout.isNegative())) {
      throw new IllegalArgumentException("requestTimeout must be greater than 0");
    }
    retryFor = b.retryFor;
    unreachableTimeout = b.unreachableTimeout;
    if (unreachableTimeout.isZero() || unreachableTimeout.isNegative()) {
      throw new IllegalArgumentException("unreachableTimeout must be greater than 0");
    }
    piece = b.waitPiece;
    if (piece.compareTo(MIN_PIECE) < 0 || piece.compareTo(MAX_PIECE) > 0) {
      throw new IllegalArgumentException("waitPiece " + piece + " must be from " + MIN_PIECE + " to " + MAX_PIECE);
    }
    reachability = new Reachability(addresses);
    transport = transport(b);
    this.clock = clock;
  }

  private Transport transport(LockdClient.Builder b) {
    String file = b.caFile != null ? "caFile" : b.certFile != null ? "certFile" : b.keyFile != null ? "keyFile" : null;
    if (file != null && addresses.stream().noneMatch(Address::secure)) {
      throw new IllegalArgumentException(file + " is given, but no address begins with https://");
    }
    if (b.http == null) {
      Tls tls = file == null ? null : new Tls(b.caFile, b.certFile, b.keyFile);
      return new SocketTransport(new Dialer(InetAddress::getAllByName), tls);
    }
    if (file != null) {
      throw new IllegalArgumentException(file + " has no effect with httpClient; give that an SSLContext");
    }
    if (b.http.followRedirects() != HttpClient.Redirect.NEVER) {
      throw new IllegalArgumentException("httpClient follows redirects, which would send sessions to other addresses; use Redirect.NEVER");
    }
    return new HttpClientTransport(b.http);
  }

  /** Returns the headers of a request with a token; null: none. */
  Map<String, String> headersFor(String token, String accept, boolean body) {
    Map<String, String> all = new LinkedHashMap<>(headers);
    if (token != null) {
      all.put("Authorization", "Bearer " + token);
    }
    all.put("Accept", accept);
    if (body) {
      all.put("Content-Type", "application/json");
    }
    return all;
  }

  /** Returns the timeout of one attempt for a lease of this TTL. */
  Duration attemptTimeout(Duration ttl) {
    return timeout != null ? timeout : min(DEFAULT_TIMEOUT, ttl.dividedBy(TIMEOUTS_PER_TTL + 1));
  }

  /** Throws IllegalArgumentException for a TTL that no node grants, or that one node without an answer could use up. */
  void checkTtl(Duration ttl) {
    if (ttl.compareTo(MIN_TTL) < 0 || ttl.compareTo(MAX_TTL) > 0) {
      throw new IllegalArgumentException("ttl " + ttl + " must be from " + MIN_TTL + " to " + MAX_TTL);
    }
    if (timeout != null && ttl.compareTo(timeout.multipliedBy(TIMEOUTS_PER_TTL)) < 0) {
      throw new IllegalArgumentException(
          "ttl " + ttl + " is too short for requestTimeout " + timeout + ": it must be at least " + TIMEOUTS_PER_TTL + " times as long");
    }
  }

  static Duration min(Duration a, Duration b) {
    return a.compareTo(b) < 0 ? a : b;
  }

  static Duration max(Duration a, Duration b) {
    return a.compareTo(b) > 0 ? a : b;
  }

  /** Returns secure random bytes as hexadecimal digits. */
  static String random(int bytes) {
    byte[] b = new byte[bytes];
    new SecureRandom().nextBytes(b);
    return HexFormat.of().formatHex(b);
  }

  private static String defaultHolder() {
    String host = "unknown";
    try {
      host = InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException e) {
      // the host has no name
    }
    return host + "/" + ProcessHandle.current().pid();
  }
}
