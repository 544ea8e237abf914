package io.lockd.client;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Locale;

/**
 * The address of a node, or of a proxy in front of nodes: see "Addresses" in clients/README.md.
 *
 * @param host an IPv6 address has no brackets here
 * @param path the base path before /v1: "", or "/…" without a slash at the end
 */
record Address(boolean secure, String host, int port, String path) {
  private static final int DEFAULT_PORT = 7400;
  private static final int MAX_HOST = 253; // characters of a DNS name
  private static final String WRONG_PORT =
      "the port must be a number from 1 to 65535; write host:port, or host alone for port 7400";
  private static final String ZONE = "an IPv6 zone is not supported; use an address without %";

  /**
   * Reads [http[s]://]host[:port][/base/path].
   *
   * @throws IllegalArgumentException if it is not valid; the message contains no user and no password
   */
  static Address of(String address) {
    try {
      return parse(address);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("address \"" + withoutCredentials(address) + "\": " + e.getMessage());
    }
  }

  private static Address parse(String address) {
    if (address.codePoints().anyMatch(c -> Character.isISOControl(c) || Character.isWhitespace(c) || Character.isSpaceChar(c))) {
      throw new IllegalArgumentException("it contains white space or a control character; remove it");
    }
    int colon = address.indexOf("://");
    String scheme = colon < 0 ? "http" : address.substring(0, colon).toLowerCase(Locale.ROOT);
    String rest = colon < 0 ? address : address.substring(colon + 3);
    if (!scheme.equals("http") && !scheme.equals("https")) {
      throw new IllegalArgumentException("the scheme must be http or https");
    }
    if (rest.contains("@")) {
      throw new IllegalArgumentException(
          "it must not have a user or a password; use token or tokenFile, or the header Authorization");
    }
    if (rest.contains("#")) {
      throw new IllegalArgumentException("it must not have a fragment; remove # and what follows");
    }
    if (rest.contains("?")) {
      throw new IllegalArgumentException("it must not have a query; remove ? and what follows");
    }
    int slash = rest.indexOf('/');
    String authority = slash < 0 ? rest : rest.substring(0, slash);
    String path = slash < 0 ? "" : rest.substring(slash + 1);
    int end = endOfHost(authority);
    String host = authority.substring(0, end).toLowerCase(Locale.ROOT);
    int port = end == authority.length() ? DEFAULT_PORT : port(authority.substring(end));
    return new Address(scheme.equals("https"), host.replaceAll("[\\[\\]]", ""), port, basePath(path));
  }

  /** Checks the host at the start, which may be in brackets. Returns the index of its end. */
  private static int endOfHost(String authority) {
    if (authority.startsWith("[")) {
      int close = authority.indexOf(']');
      String inner = authority.substring(1, close < 0 ? authority.length() : close);
      if (inner.contains("%")) {
        throw new IllegalArgumentException(ZONE);
      }
      if (close < 0 || !isIpv6(inner)) {
        throw new IllegalArgumentException("the host in brackets must be an IPv6 address, as in [::1]:7400");
      }
      return close + 1;
    }
    int colon = authority.indexOf(':');
    if (colon != authority.lastIndexOf(':')) {
      throw new IllegalArgumentException(
          authority.contains("%") ? ZONE : "an IPv6 address must be in brackets, as in [::1]:7400");
    }
    int end = colon < 0 ? authority.length() : colon;
    checkHost(authority.substring(0, end).toLowerCase(Locale.ROOT));
    return end;
  }

  private static boolean isIpv6(String inner) {
    try {
      // Java does not resolve a literal in brackets.
      return inner.matches("[0-9a-fA-F:.]+") && inner.contains(":") && InetAddress.getByName("[" + inner + "]") != null;
    } catch (UnknownHostException e) {
      return false;
    }
  }

  /**
   * Checks a DNS name or an IPv4 address. Some libraries read a name whose last label is a number as an IPv4 address,
   * others as a name.
   */
  private static void checkHost(String host) {
    String[] labels = host.replaceFirst("\\.$", "").split("\\.", -1);
    for (String label : labels) {
      if (host.length() > MAX_HOST || !label.matches("[0-9a-z_-]+")) {
        throw new IllegalArgumentException(
            "the host must be a DNS name, an IPv4 address or an IPv6 address in brackets; write host:port");
      }
    }
    String number = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
    if (labels[labels.length - 1].matches("[0-9]+|0x[0-9a-f]*") && !host.matches(number + "(?:\\." + number + "){3}")) {
      throw new IllegalArgumentException("the host ends in a number and is not an IPv4 address such as 10.0.0.1");
    }
  }

  /** Reads ":port". */
  private static int port(String raw) {
    if (raw.matches(":[0-9]{1,5}")) {
      int port = Integer.parseInt(raw.substring(1));
      if (port >= 1 && port <= 65535) {
        return port;
      }
    }
    throw new IllegalArgumentException(WRONG_PORT);
  }

  private static String basePath(String raw) {
    String path = raw.replaceFirst("/+$", "");
    if (path.isEmpty()) {
      return "";
    }
    for (String segment : path.split("/", -1)) {
      if (!segment.matches("(?:[!$&'()*+,;=:@0-9A-Za-z._~-]|%[0-9a-fA-F]{2})*") || segment.replaceAll("%2[eE]", ".").matches("\\.\\.?")) {
        throw new IllegalArgumentException("the path must be percent-encoded and have no . or .. segment");
      }
    }
    return "/" + path;
  }

  /** Replaces what may be a user and a password. */
  private static String withoutCredentials(String address) {
    int at = address.lastIndexOf('@');
    if (at < 0) {
      return address;
    }
    boolean scheme = address.matches("(?is)https?://.*");
    return (scheme ? address.substring(0, address.indexOf("://") + 3) : "") + "***" + address.substring(at);
  }

  /** Returns host and port, in the form of the Host header. */
  String authority() {
    return (host.contains(":") ? "[" + host + "]" : host) + ":" + port;
  }

  /** Reports whether requests stay on this machine. */
  boolean loopback() {
    if (host.matches("localhost\\.?|127(?:\\.[0-9]+){3}")) {
      return true;
    }
    try {
      return host.contains(":") && InetAddress.getByName("[" + host + "]").isLoopbackAddress();
    } catch (UnknownHostException e) {
      return false;
    }
  }

  /** Returns the URL. */
  @Override
  public String toString() {
    return (secure ? "https://" : "http://") + authority() + path;
  }
}
