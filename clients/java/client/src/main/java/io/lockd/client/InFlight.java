package io.lockd.client;

import java.io.Closeable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** One request in flight: a worker sends it and reads the answer. Another thread may abandon it. */
final class InFlight {
  private final List<Closeable> open = new ArrayList<>();
  private boolean sent;
  private boolean over;

  /**
   * Registers a resource to close when the request is abandoned. Throws NotSentException if it is abandoned already.
   */
  synchronized void opened(Closeable c) throws IOException {
    if (over) {
      c.close();
      throw new NotSentException("the attempt was abandoned", null);
    }
    open.add(c);
  }

  /** Records that sending starts. Throws NotSentException if the request is abandoned already. */
  synchronized void sending() throws NotSentException {
    if (over) {
      throw new NotSentException("the attempt was abandoned", null);
    }
    sent = true;
  }

  /** Reports whether a part of the request may have been sent. */
  synchronized boolean sent() {
    return sent;
  }

  /** Unregisters a resource. Returns false if it was closed already. */
  synchronized boolean released(Closeable c) {
    return open.remove(c);
  }

  /** Abandons the request: closes its resources, which ends every read from them. */
  synchronized void abandon() {
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
