package io.lockd.client;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** The headers that the program adds to each request. */
final class Headers {
  // The client sets these, or they belong to one connection.
  private static final Set<String> OWN = Set.of(
      "accept", "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "expect", "host",
      "keep-alive", "te", "trailer", "transfer-encoding", "upgrade");

  private Headers() {}

  /** Checks headers. Throws IllegalArgumentException; its message never contains a value. */
  static Map<String, String> checked(List<Map.Entry<String, String>> given, boolean hasToken) {
    Map<String, String> checked = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
    for (Map.Entry<String, String> h : given) {
      String name = h.getKey();
      if (!name.matches("[!#$%&'*+.^_`|~0-9A-Za-z-]+")) {
        throw wrong(name, "the name must be an HTTP token");
      }
      if (OWN.contains(name.toLowerCase(Locale.ROOT))) {
        throw wrong(name, "the client sets it itself");
      }
      if (!h.getValue().matches("[\\t -~]*")) {
        throw wrong(name, "the value must be printable ASCII, without line breaks");
      }
      if (checked.put(name, h.getValue()) != null) {
        throw wrong(name, "it is given twice");
      }
    }
    if (hasToken && checked.containsKey("Authorization")) {
      throw wrong("Authorization", "the client has a token too; give only one of them");
    }
    return checked;
  }

  private static IllegalArgumentException wrong(String name, String what) {
    return new IllegalArgumentException("header \"" + name + "\": " + what);
  }
}
