package io.lockd.client;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.logging.SimpleFormatter;

/** The warnings of the client that contain a text, while it is open. */
final class Warnings extends Handler implements AutoCloseable {
  final List<String> all = new CopyOnWriteArrayList<>();
  private final String text;

  private Warnings(String text) {
    this.text = text;
  }

  static Warnings with(String text) {
    Warnings w = new Warnings(text);
    Logger.getLogger("io.lockd.client").addHandler(w);
    return w;
  }

  @Override
  public void publish(LogRecord r) {
    String message = new SimpleFormatter().formatMessage(r);
    if (message.contains(text)) {
      all.add(message);
    }
  }

  @Override
  public void flush() {}

  @Override
  public void close() {
    Logger.getLogger("io.lockd.client").removeHandler(this);
  }
}
