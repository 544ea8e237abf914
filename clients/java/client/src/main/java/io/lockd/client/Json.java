package io.lockd.client;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * As much of JSON as nodes speak: the Java library has none. What is missing reads as nothing;
 * what is of another form than it must have is an IllegalArgumentException, as what is no JSON is.
 */
final class Json {
  private static final long MAX_WHOLE = (1L << 53) - 1; // above it not every language has each integer

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

  /** What it is made of. */
  Object value() {
    return value;
  }

  /** It, where it is text. */
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

  /** Text that must be there. */
  String name(String key) {
    String text = text(key);
    if (text.isEmpty()) {
      throw new IllegalArgumentException(key + " is missing");
    }
    return text;
  }

  /** A whole number from 0. */
  long number(String key) {
    if (of(key, Number.class, 0L) instanceof Long n && n >= 0 && n <= MAX_WHOLE) {
      return n;
    }
    throw new IllegalArgumentException(key + " is no integer from 0 to " + MAX_WHOLE);
  }

  /** A whole number from 0 of 32 bits. */
  int count(String key) {
    int n = integer(key);
    if (n < 0) {
      throw new IllegalArgumentException(key + " is negative");
    }
    return n;
  }

  /** An integer of 32 bits. */
  int integer(String key) {
    if (of(key, Number.class, 0L) instanceof Long n && n == n.intValue()) {
      return n.intValue();
    }
    throw new IllegalArgumentException(key + " is no integer of 32 bits");
  }

  /** A fencing number, which must be there. */
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
      throw new IllegalArgumentException(key + " is no " + type.getSimpleName());
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
    throw new IllegalArgumentException(key + " is no list");
  }

  /** A list that must be there. */
  List<Json> fullList(String key) {
    if (!has(key)) {
      throw new IllegalArgumentException(key + " is missing");
    }
    return list(key);
  }

  /** It, where it is an object. */
  Json object() {
    members();
    return this;
  }

  /** The members of an object. */
  @SuppressWarnings("unchecked")
  Map<String, Object> members() {
    if (value instanceof Map<?, ?> m) {
      return (Map<String, Object>) m;
    }
    throw new IllegalArgumentException("no object");
  }

  /** The JSON of it, on one line. */
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
      throw new IllegalArgumentException("no JSON: " + v.getClass());
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
    private final String s;
    private int at;
    private int meta; // how many of the objects that are open are called meta: they may be anything

    Parser(String s) {
      this.s = s;
    }

    Object value(int depth) {
      if (depth > MAX_DEPTH) {
        throw wrong("too deep");
      }
      space();
      if (at >= s.length()) {
        throw wrong("the end");
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
        throw wrong("more after the end");
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
          throw new IllegalArgumentException("JSON: the member \"" + key + "\" is there twice");
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
          if (at + 4 >= s.length()) {
            throw wrong("an open string");
          }
          at += 4;
          return (char) Integer.parseInt(s.substring(at - 3, at + 1), 16);
        default:
          return c;
      }
    }

    private Object number() {
      int from = at;
      while (at < s.length() && "+-.eE0123456789".indexOf(s.charAt(at)) >= 0) {
        at++;
      }
      String n = s.substring(from, at);
      if (n.isEmpty()) {
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
      while (at < s.length() && s.charAt(at) <= ' ') {
        at++;
      }
    }

    private IllegalArgumentException wrong(String what) {
      return new IllegalArgumentException("JSON: " + what + " at " + at);
    }
  }
}
