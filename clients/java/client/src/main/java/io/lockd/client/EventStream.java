package io.lockd.client;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;

/** Reads the messages of a text/event-stream. */
final class EventStream {
  /** One message. Each field is "" if it is absent. */
  record Message(String id, String event, String data) {}

  private final InputStream in;
  private int size; // bytes of the current message

  EventStream(InputStream in) {
    this.in = in;
  }

  /** Reads the next message. Returns null for a keepalive and for an empty message. */
  Message next() throws IOException {
    String id = "";
    String event = "";
    StringBuilder data = new StringBuilder();
    size = 0;
    while (true) {
      String line = line();
      if (line.startsWith(":")) {
        return null; // a keepalive
      }
      if (line.isEmpty()) {
        return event.isEmpty() && data.isEmpty() ? null : new Message(id, event, data.toString());
      }
      int colon = line.indexOf(':');
      String name = colon < 0 ? line : line.substring(0, colon);
      String value = colon < 0 ? "" : line.substring(line.startsWith(" ", colon + 1) ? colon + 2 : colon + 1);
      switch (name) {
        case "id" -> id = value;
        case "event" -> event = value;
        case "data" -> data.append(data.isEmpty() ? "" : "\n").append(value);
        default -> { }
      }
    }
  }

  /** Reads a line. Throws IOException if the message is longer than an answer may be. */
  private String line() throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    for (int c = in.read(); c != '\n'; c = in.read()) {
      if (c < 0) {
        throw new IOException("the stream ended");
      }
      if (++size > Transport.MAX_ANSWER) {
        throw new IOException("a message of the stream is longer than " + Transport.MAX_ANSWER + " bytes");
      }
      line.write(c);
    }
    String text = line.toString(StandardCharsets.UTF_8);
    return text.endsWith("\r") ? text.substring(0, text.length() - 1) : text;
  }
}
