package io.lockd.client;

import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.Map;

/** Sends one request. */
interface Transport {
  int MAX_ANSWER = 8 << 20; // bytes of the body of an answer, or of one message of a watch

  /**
   * One request to one address.
   *
   * @param body null: none
   * @param timeout the time to resolve, connect, send and read, without the wait that the request asks for
   * @param fresh whether it uses a new connection
   */
  record Request(Address to, String method, String path, Map<String, String> headers, byte[] body, Duration timeout, boolean fresh) {
    /** Returns method and URL: the headers may contain a token. */
    @Override
    public String toString() {
      return method + " " + to + path;
    }
  }

  /**
   * An answer. Its body is not read yet.
   *
   * @param node the name of the node, and leader of the leader that it knows; "" in the answer of a proxy
   */
  record Reply(int status, String retryAfter, String node, String leader, InputStream body) {
    /** Reads the body. Throws IOException if it is longer than MAX_ANSWER. */
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

  /** Sends a request. Returns when it has the headers of the answer. Throws NotSentException if nothing was sent. */
  Reply send(Request request, InFlight inFlight) throws IOException, InterruptedException;
}
