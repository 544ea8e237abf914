package io.lockd.client;

import java.io.IOException;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;
import javax.net.ssl.SSLSocketFactory;

/**
 * Sends HTTP/1.1 on its own sockets. The HTTP client of the Java library tries only the first IP address of a name,
 * does not report whether a request was sent, and has no limit for headers. This transport uses no proxy and follows no
 * redirect, because requests contain sessions, which are secret.
 */
final class SocketTransport implements Transport {
  private static final int SEND_DIVISOR = 4; // nothing is sent if less than a quarter of the attempt's time is left
  private static final Duration MAX_IDLE = Duration.ofSeconds(30); // a node closes idle connections after two minutes
  private static final int MAX_IDLE_COUNT = 16; // connections to one address

  private final Dialer dialer;
  private final Supplier<SSLSocketFactory> tls; // null: the system's factory, created only for https
  private final Map<Address, Deque<Connection>> idle = new HashMap<>();

  SocketTransport(Dialer dialer, Supplier<SSLSocketFactory> tls) {
    this.dialer = dialer;
    this.tls = tls;
  }

  @Override
  public Reply send(Request r, InFlight inFlight) throws IOException {
    long start = System.nanoTime();
    Connection connection = r.fresh() ? null : reuse(r.to());
    if (connection == null) {
      connection = connect(r, inFlight);
    } else {
      inFlight.opened(connection);
    }
    try {
      if (System.nanoTime() - start > r.timeout().minus(r.timeout().dividedBy(SEND_DIVISOR)).toNanos()) {
        throw new NotSentException("connected too late to send a request; nothing was sent", null);
      }
      inFlight.sending();
      connection.write(r);
      ResponseReader answer = ResponseReader.read(connection.in());
      Connection mine = connection;
      return new Reply(answer.status(), answer.retryAfter(), answer.node(), answer.leader(), answer.body(reusable -> release(r.to(), mine, inFlight, reusable)));
    } catch (IOException | RuntimeException e) {
      release(r.to(), connection, inFlight, false);
      throw e;
    }
  }

  private Connection connect(Request r, InFlight inFlight) throws IOException {
    SocketChannel channel = dialer.dial(r.to().host(), r.to().port(), r.timeout());
    inFlight.opened(channel); // the TLS handshake may take long
    try {
      Connection connection = Connection.on(channel, r.to(), r.to().secure() ? factory() : null);
      inFlight.opened(connection);
      return connection;
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    } finally {
      inFlight.released(channel);
    }
  }

  private SSLSocketFactory factory() {
    return tls != null ? tls.get() : (SSLSocketFactory) SSLSocketFactory.getDefault();
  }

  private Connection reuse(Address to) {
    while (true) {
      Connection c;
      synchronized (this) {
        c = idle.getOrDefault(to, new ArrayDeque<>()).pollLast();
      }
      if (c == null || System.nanoTime() - c.idleSince < MAX_IDLE.toNanos() && c.quiet()) {
        return c;
      }
      InFlight.quietly(c);
    }
  }

  private void release(Address to, Connection c, InFlight inFlight, boolean reusable) {
    boolean open = inFlight.released(c);
    c.idleSince = System.nanoTime();
    if (open && reusable) {
      synchronized (this) {
        Deque<Connection> all = idle.computeIfAbsent(to, a -> new ArrayDeque<>());
        all.addLast(c);
        c = all.size() > MAX_IDLE_COUNT ? all.pollFirst() : null;
      }
    }
    if (c != null) {
      InFlight.quietly(c);
    }
  }
}
