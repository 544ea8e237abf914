package io.lockd.client;

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;

/** Builds the paths and bodies of requests. */
final class Requests {
  private Requests() {}

  /** Returns the path of a lease, or of an operation on it. */
  static String lease(String name, String verb) {
    String path = "/v1/leases/" + encode(name).replace("+", "%20");
    return verb.isEmpty() ? path : path + "/" + verb;
  }

  static String encode(String of) {
    return URLEncoder.encode(of, StandardCharsets.UTF_8);
  }

  /** Returns a body with a session. The caller may add members. */
  static Map<String, Object> session(String session) {
    Map<String, Object> body = new LinkedHashMap<>();
    body.put("session", session);
    return body;
  }

  /** Returns a body with session and token of a hold. The caller may add members. */
  static Map<String, Object> hold(Hold h) {
    Map<String, Object> body = session(h.session());
    body.put("token", h.grant().token());
    return body;
  }

  /** Returns the milliseconds of d, rounded up. */
  static long ms(Duration d) {
    return d.plusNanos(999_999).toMillis();
  }
}
