package io.lockd.client;

import java.io.IOException;
import java.io.InputStream;
import java.util.Locale;

/** Reads an HTTP/1.1 response: its head, and its body up to its end. */
final class ResponseReader {
  private static final int MAX_HEAD = 256 << 10; // bytes, including interim responses; the same limit applies to the trailers
  private static final long UNTIL_CLOSED = -1;
  private static final long CHUNKED = -2;

  private final InputStream in;
  private int left = MAX_HEAD;
  private int status;
  private boolean keepAlive;
  private long length;
  private String retryAfter;
  private String node;
  private String leader;

  private ResponseReader(InputStream in) {
    this.in = in;
  }

  /** Reads the head of the response. It skips interim responses. */
  static ResponseReader read(InputStream in) throws IOException {
    ResponseReader a = new ResponseReader(in);
    do {
      a.head();
    } while (a.status >= 100 && a.status < 200 && a.status != 101);
    return a;
  }

  int status() {
    return status;
  }

  String retryAfter() {
    return retryAfter;
  }

  /** Returns the name of the node, or "". */
  String node() {
    return node;
  }

  /** Returns the name of the leader that the node knows, or "". */
  String leader() {
    return leader;
  }

  private void head() throws IOException {
    String first = line();
    if (!first.matches("HTTP/1\\.[01] [1-9][0-9]{2}( .*)?")) {
      throw new IOException("the answer is not HTTP/1.1");
    }
    status = Integer.parseInt(first.substring(9, 12));
    keepAlive = first.startsWith("HTTP/1.1");
    length = UNTIL_CLOSED;
    retryAfter = "";
    node = "";
    leader = "";
    for (String line = line(); !line.isEmpty(); line = line()) {
      int colon = line.indexOf(':');
      if (colon < 1) {
        throw new IOException("a header of the answer has no name");
      }
      header(line.substring(0, colon).toLowerCase(Locale.ROOT), line.substring(colon + 1).strip());
    }
    if (status < 200 || status == 204 || status == 304) {
      length = 0;
    }
    keepAlive &= length != UNTIL_CLOSED;
  }

  private void header(String name, String value) throws IOException {
    switch (name) {
      case "content-length" -> {
        if (!value.matches("[0-9]{1,18}") || length != UNTIL_CLOSED && length != Long.parseLong(value)) {
          throw new IOException("the answer has a wrong Content-Length");
        }
        length = Long.parseLong(value);
      }
      case "transfer-encoding" -> {
        if (!value.equalsIgnoreCase("chunked") || length != UNTIL_CLOSED) {
          throw new IOException("the answer has a wrong Transfer-Encoding");
        }
        length = CHUNKED;
      }
      case "connection" -> keepAlive &= !value.toLowerCase(Locale.ROOT).contains("close");
      case "retry-after" -> retryAfter = value;
      case "lockd-node" -> node = value;
      case "lockd-leader" -> leader = value;
      default -> { }
    }
  }

  /** Reads a line of the head. */
  private String line() throws IOException {
    StringBuilder line = new StringBuilder();
    for (int c = byteOf(in); c != '\n'; c = byteOf(in)) {
      if (--left <= 0) {
        throw new IOException("the headers of the answer are longer than " + MAX_HEAD + " bytes");
      }
      line.append((char) c);
    }
    int end = line.length();
    return line.substring(0, end > 0 && line.charAt(end - 1) == '\r' ? end - 1 : end);
  }

  private static int byteOf(InputStream in) throws IOException {
    int c = in.read();
    if (c < 0) {
      throw new IOException("the connection ended before the answer did");
    }
    return c;
  }

  /** Called when the body has ended, with whether the connection can be used again. */
  interface End {
    void of(boolean reusable);
  }

  /** Returns the body. After a close before its end the connection cannot be used again. */
  InputStream body(End end) {
    return new Body(end);
  }

  private final class Body extends InputStream {
    private final End end;
    private long rest = length == CHUNKED ? 0 : length; // of the body, or of the chunk
    private boolean begun; // the first chunk has begun
    private boolean over;

    Body(End end) {
      this.end = end;
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] to, int off, int len) throws IOException {
      if (over || len == 0) {
        return over ? -1 : 0;
      }
      if (length == CHUNKED && rest == 0) {
        rest = chunk();
      }
      if (rest == 0) {
        end(keepAlive);
        return -1;
      }
      int n = in.read(to, off, (int) (length == UNTIL_CLOSED ? len : Math.min(len, rest)));
      if (n < 0 && length == UNTIL_CLOSED) {
        end(false);
        return -1;
      }
      if (n < 0) {
        throw new IOException("the connection ended before the answer did");
      }
      rest -= length == UNTIL_CLOSED ? 0 : n;
      return n;
    }

    /** Reads the size of the next chunk; 0: the end of the body, whose trailers are read too. */
    private long chunk() throws IOException {
      left = MAX_HEAD; // the number of chunks has no limit
      if (begun && !line().isEmpty()) {
        throw new IOException("a chunk of the answer is longer than it should be");
      }
      begun = true;
      String size = line().split(";", 2)[0].strip();
      if (!size.matches("[0-9a-fA-F]{1,15}")) {
        throw new IOException("a chunk of the answer has no size");
      }
      long n = Long.parseLong(size, 16);
      while (n == 0 && !line().isEmpty()) {
        // a trailer
      }
      return n;
    }

    private void end(boolean reusable) {
      if (!over) {
        over = true;
        end.of(reusable);
      }
    }

    @Override
    public void close() {
      end(false);
    }
  }
}
