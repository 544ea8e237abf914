package io.lockd.client;

import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.Map;

/** How one request is sent. */
interface Transport {
  int MAX_ANSWER = 8 << 20; // bytes of the body of an answer, or of one message of a watch

  /**
   * One request to one address.
   *
   * @param body null: none
   * @param timeout of resolving, connecting, sending and reading, without the wait that is asked for
   * @param fresh on a connection of its own
   */
  record Request(Address to, String method, String path, Map<String, String> headers, byte[] body, Duration timeout, boolean fresh) {}

  /** An answer, the body of which is not read yet. */
  record Reply(int status, String retryAfter, InputStream body) {
    /** Reads the body up to its bound. */
    byte[] readAll() throws IOException {
      try (body) {
        byte[] read = body.readNBytes(MAX_ANSWER + 1);
        if (read.length > MAX_ANSWER) {
          throw new IOException("the answer is longer than " + MAX_ANSWER + " bytes");
        }
        return read;
      }
    }
  }

  /** Sends it, and returns when the headers of the answer are there. */
  Reply send(Request request, InFlight inFlight) throws IOException, InterruptedException;
}
