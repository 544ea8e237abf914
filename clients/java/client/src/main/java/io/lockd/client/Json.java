package io.lockd.client;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * A JSON value. The Java library has no JSON. A missing member reads as "", 0, false or an empty list. Text that is
 * not JSON and a member of another form throw IllegalArgumentException.
 */
final class Json {
  private static final long MAX_WHOLE = (1L << 53) - 1; // greater integers are not exact in every language

  private final Object value; // Map, List, String, Long, Double, Boolean or null

  private Json(Object value) {
    this.value = value;
  }

  static Json of(Object value) {
    return new Json(value);
  }

  static Json parse(String text) {
    Parser p = new Parser(text);
    Object value = p.value(0);
    p.end();
    return new Json(value);
  }

  /** Returns the value: a Map, List, String, Long, Double or Boolean, or null. */
  Object value() {
    return value;
  }

  /** Returns a text; "" if the value is not a text. */
  String string() {
    return value instanceof String s ? s : "";
  }

  boolean has(String key) {
    return members().get(key) != null;
  }

  Json get(String key) {
    return new Json(members().get(key));
  }

  String text(String key) {
    return of(key, String.class, "");
  }

  /** Returns a text that must be present. */
  String name(String key) {
    String text = text(key);
    if (text.isEmpty()) {
      throw new IllegalArgumentException(key + " is missing");
    }
    return text;
  }

  /** Returns an integer from 0. */
  long number(String key) {
    if (of(key, Number.class, 0L) instanceof Long n && n >= 0 && n <= MAX_WHOLE) {
      return n;
    }
    throw new IllegalArgumentException(key + " is not an integer from 0 to " + MAX_WHOLE);
  }

  /** Returns an integer from 0 to 2^31-1. */
  int count(String key) {
    int n = integer(key);
    if (n < 0) {
      throw new IllegalArgumentException(key + " is negative");
    }
    return n;
  }

  /** Returns an integer of 32 bits. */
  int integer(String key) {
    if (of(key, Number.class, 0L) instanceof Long n && n == n.intValue()) {
      return n.intValue();
    }
    throw new IllegalArgumentException(key + " is not an integer of 32 bits");
  }

  /** Returns the fencing token, which must be present. */
  long token() {
    long token = number("token");
    if (token < 1) {
      throw new IllegalArgumentException("token is missing");
    }
    return token;
  }

  boolean bool(String key, boolean otherwise) {
    return of(key, Boolean.class, otherwise);
  }

  private <T> T of(String key, Class<T> type, T absent) {
    Object v = members().get(key);
    if (v != null && !type.isInstance(v)) {
      throw new IllegalArgumentException(key + " is not a " + type.getSimpleName());
    }
    return v == null ? absent : type.cast(v);
  }

  Duration millis(String key) {
    return Duration.ofMillis(number(key));
  }

  List<Json> list(String key) {
    Object v = members().get(key);
    if (v == null) {
      return List.of();
    }
    if (v instanceof List<?> l) {
      return l.stream().map(Json::new).collect(Collectors.toList());
    }
    throw new IllegalArgumentException(key + " is not a list");
  }

  /** Returns a list that must be present. */
  List<Json> fullList(String key) {
    if (!has(key)) {
      throw new IllegalArgumentException(key + " is missing");
    }
    return list(key);
  }

  /** Returns this value, which must be an object. */
  Json object() {
    members();
    return this;
  }

  /** Returns the members of an object. */
  @SuppressWarnings("unchecked")
  Map<String, Object> members() {
    if (value instanceof Map<?, ?> m) {
      return (Map<String, Object>) m;
    }
    throw new IllegalArgumentException("not an object");
  }

  /** Returns the value as JSON on one line. */
  @Override
  public String toString() {
    StringBuilder out = new StringBuilder();
    write(out, value);
    return out.toString();
  }

  private static void write(StringBuilder out, Object v) {
    if (v instanceof String s) {
      quote(out, s);
    } else if (v instanceof Map<?, ?> m) {
      String before = "{";
      for (Map.Entry<?, ?> e : m.entrySet()) {
        out.append(before);
        quote(out, String.valueOf(e.getKey()));
        out.append(':');
        write(out, e.getValue());
        before = ",";
      }
      out.append(m.isEmpty() ? "{}" : "}");
    } else if (v instanceof Iterable<?> l) {
      String before = "[";
      for (Object e : l) {
        out.append(before);
        write(out, e);
        before = ",";
      }
      out.append(before.equals("[") ? "[]" : "]");
    } else if (v == null || v instanceof Number || v instanceof Boolean) {
      out.append(v);
    } else {
      throw new IllegalArgumentException("cannot be written as JSON: " + v.getClass());
    }
  }

  private static void quote(StringBuilder out, String s) {
    out.append('"');
    for (int i = 0; i < s.length(); i++) {
      char c = s.charAt(i);
      if (c == '"' || c == '\\') {
        out.append('\\').append(c);
      } else if (c < 0x20) {
        out.append(String.format("\\u%04x", (int) c));
      } else {
        out.append(c);
      }
    }
    out.append('"');
  }

  private static final class Parser {
    private static final int MAX_DEPTH = 512;
    private static final Pattern NUMBER = Pattern.compile("-?(?:0|[1-9][0-9]*+)(?:\\.[0-9]++)?(?:[eE][+-]?[0-9]++)?");
    private final String s;
    private int at;
    private int meta; // number of open values that are the member meta: their content is not checked

    Parser(String s) {
      this.s = s;
    }

    Object value(int depth) {
      if (depth > MAX_DEPTH) {
        throw wrong("nested too deeply");
      }
      space();
      if (at >= s.length()) {
        throw wrong("no value");
      }
      char c = s.charAt(at);
      return switch (c) {
        case '{' -> object(depth);
        case '[' -> array(depth);
        case '"' -> string();
        case 't' -> word("true", Boolean.TRUE);
        case 'f' -> word("false", Boolean.FALSE);
        case 'n' -> word("null", null);
        default -> number();
      };
    }

    void end() {
      space();
      if (at < s.length()) {
        throw wrong("text after the value");
      }
    }

    private Map<String, Object> object(int depth) {
      Map<String, Object> m = new LinkedHashMap<>();
      at++;
      if (take('}')) {
        return m;
      }
      do {
        space();
        String key = string();
        want(':');
        boolean twice = m.containsKey(key) && meta == 0;
        meta += key.equals("meta") ? 1 : 0;
        m.put(key, value(depth + 1));
        meta -= key.equals("meta") ? 1 : 0;
        if (twice) {
          throw new IllegalArgumentException("JSON: the member \"" + key + "\" occurs twice");
        }
      } while (take(','));
      want('}');
      return m;
    }

    private List<Object> array(int depth) {
      List<Object> l = new ArrayList<>();
      at++;
      if (take(']')) {
        return l;
      }
      do {
        l.add(value(depth + 1));
      } while (take(','));
      want(']');
      return l;
    }

    private String string() {
      if (at >= s.length() || s.charAt(at) != '"') {
        throw wrong("no string");
      }
      StringBuilder b = new StringBuilder();
      for (at++; at < s.length(); at++) {
        char c = s.charAt(at);
        if (c == '"') {
          at++;
          return b.toString();
        }
        if (c < 0x20) {
          throw wrong("a control character in a string");
        }
        b.append(c == '\\' ? escaped() : c);
      }
      throw wrong("an open string");
    }

    private char escaped() {
      if (++at >= s.length()) {
        throw wrong("an open string");
      }
      char c = s.charAt(at);
      switch (c) {
        case 'n':
          return '\n';
        case 't':
          return '\t';
        case 'r':
          return '\r';
        case 'b':
          return '\b';
        case 'f':
          return '\f';
        case 'u':
          String digits = s.substring(at + 1, Math.min(at + 5, s.length()));
          if (!digits.matches("[0-9a-fA-F]{4}")) {
            throw wrong("an escape without four hexadecimal digits");
          }
          at += 4;
          return (char) Integer.parseInt(digits, 16);
        case '"', '\\', '/':
          return c;
        default:
          throw wrong("an unknown escape");
      }
    }

    private Object number() {
      int from = at;
      while (at < s.length() && "+-.eE0123456789".indexOf(s.charAt(at)) >= 0) {
        at++;
      }
      String n = s.substring(from, at);
      if (!NUMBER.matcher(n).matches()) {
        throw wrong("no value");
      }
      if (n.matches("-?\\d{1,18}")) {
        return Long.valueOf(n);
      }
      return Double.valueOf(n);
    }

    private Object word(String word, Object value) {
      if (!s.startsWith(word, at)) {
        throw wrong("no value");
      }
      at += word.length();
      return value;
    }

    private boolean take(char c) {
      space();
      boolean there = at < s.length() && s.charAt(at) == c;
      if (there) {
        at++;
      }
      return there;
    }

    private void want(char c) {
      if (!take(c)) {
        throw wrong("no " + c);
      }
    }

    private void space() {
      while (at < s.length() && " \t\r\n".indexOf(s.charAt(at)) >= 0) {
        at++;
      }
    }

    private IllegalArgumentException wrong(String what) {
      return new IllegalArgumentException("JSON: " + what + " at " + at);
    }
  }
}
