package io.lockd.client;

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;

/** Paths and bodies of requests. */
final class Requests {
  private Requests() {}

  /** The path of a lease, or of what is done to it. */
  static String lease(String name, String verb) {
    String path = "/v1/leases/" + encode(name).replace("+", "%20");
    return verb.isEmpty() ? path : path + "/" + verb;
  }

  static String encode(String of) {
    return URLEncoder.encode(of, StandardCharsets.UTF_8);
  }

  /** A body with a session, to which more may be added. */
  static Map<String, Object> session(String session) {
    Map<String, Object> body = new LinkedHashMap<>();
    body.put("session", session);
    return body;
  }

  /** A body about a hold, to which more may be added. */
  static Map<String, Object> hold(Hold h) {
    Map<String, Object> body = session(h.session());
    body.put("token", h.grant().token());
    return body;
  }

  /** Up to the next millisecond. */
  static long ms(Duration d) {
    return d.plusNanos(999_999).toMillis();
  }
}
