package io.lockd.client;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A node on a raw socket, which can answer with any bytes. It closes the connection after the answer. */
final class RawNode implements AutoCloseable {
  /** Answers a request, given as its head and body. An exception ends the connection. */
  interface Serve {
    void of(String request, OutputStream out) throws IOException, InterruptedException;
  }

  final AtomicInteger connections = new AtomicInteger();
  private final ServerSocket listener;
  private final List<Socket> open = new CopyOnWriteArrayList<>();
  private final Serve serve;

  RawNode(Serve serve) throws IOException {
    this(new ServerSocket(0, 50, InetAddress.getLoopbackAddress()), serve);
  }

  RawNode(ServerSocket listener, Serve serve) {
    this.listener = listener;
    this.serve = serve;
    daemon(this::accept);
  }

  int port() {
    return listener.getLocalPort();
  }

  LockdClient.Builder client() {
    return LockdClient.builder().addresses("127.0.0.1:" + port()).retryFor(Duration.ZERO);
  }

  static String answer(int status, String body) {
    return "HTTP/1.1 " + status + " x\r\nContent-Length: " + body.getBytes(StandardCharsets.UTF_8).length + "\r\n\r\n" + body;
  }

  static void write(OutputStream out, String text) throws IOException {
    out.write(text.getBytes(StandardCharsets.UTF_8));
    out.flush();
  }

  /** Writes the head, and then the piece repeatedly without an end. */
  static Serve endless(String head, String piece) {
    return (request, out) -> {
      for (write(out, head); true; write(out, piece)) {
        Thread.onSpinWait();
      }
    };
  }

  private void accept() {
    try {
      while (true) {
        Socket s = listener.accept();
        connections.incrementAndGet();
        open.add(s);
        daemon(() -> handle(s));
      }
    } catch (IOException e) {
      // the test is over
    }
  }

  private void handle(Socket s) {
    try (s) {
      for (String request = request(s.getInputStream()); request != null; request = request(s.getInputStream())) {
        serve.of(request, s.getOutputStream());
        if (!request.contains("X-Keep: ")) {
          return; // the client of the test sends X-Keep for another request
        }
      }
    } catch (IOException | InterruptedException e) {
      // the client has disconnected
    }
  }

  /** Reads the head of a request and its body; null: the client has disconnected. */
  private static String request(InputStream in) throws IOException {
    StringBuilder head = new StringBuilder();
    while (head.indexOf("\r\n\r\n") < 0) {
      int c = in.read();
      if (c < 0) {
        return null;
      }
      head.append((char) c);
    }
    Matcher length = Pattern.compile("Content-Length: ([0-9]+)").matcher(head);
    return length.find() ? head + new String(in.readNBytes(Integer.parseInt(length.group(1))), StandardCharsets.UTF_8) : head.toString();
  }

  static void daemon(Runnable run) {
    Thread t = new Thread(run);
    t.setDaemon(true);
    t.start();
  }

  @Override
  public void close() throws IOException {
    listener.close();
    for (Socket s : open) {
      s.close();
    }
  }
}
