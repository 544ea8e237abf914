package io.lockd.client;

import java.io.Closeable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** One request under way: a worker sends it and reads the answer, and another thread may give it up. */
final class InFlight {
  private final List<Closeable> open = new ArrayList<>();
  private boolean sent;
  private boolean over;

  /** Lets it be closed when this is given up. */
  synchronized void opened(Closeable c) throws IOException {
    if (over) {
      c.close();
      throw new NotSentException("it was given up", null);
    }
    open.add(c);
  }

  /** Comes before the first byte that is sent. */
  synchronized void sending() throws NotSentException {
    if (over) {
      throw new NotSentException("it was given up", null);
    }
    sent = true;
  }

  /** Whether anything may have been sent. */
  synchronized boolean sent() {
    return sent;
  }

  /** Hands on what is needed no more; false: it was closed. */
  synchronized boolean released(Closeable c) {
    return open.remove(c);
  }

  /** Closes what is open, which ends every read from it. */
  synchronized void giveUp() {
    over = true;
    for (Closeable c : open) {
      quietly(c);
    }
    open.clear();
  }

  static void quietly(Closeable c) {
    try {
      c.close();
    } catch (IOException e) {
      // it is closed
    }
  }
}
