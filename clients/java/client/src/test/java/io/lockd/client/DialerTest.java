package io.lockd.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** The choice of an IP address of a name, and the error if none accepts a connection. */
class DialerTest {
  private static final Duration TIMEOUT = Duration.ofSeconds(3);

  /** An address that does not answer: a listener with a full queue neither accepts nor refuses a connection. */
  private static final class Dead implements AutoCloseable {
    private final List<SocketChannel> filling = new ArrayList<>();
    final ServerSocket listener;

    Dead(int port) throws IOException {
      listener = new ServerSocket(port, 1, InetAddress.getByName("127.0.0.3"));
      for (int i = 0; i < 8; i++) {
        SocketChannel c = SocketChannel.open();
        c.configureBlocking(false);
        c.connect(listener.getLocalSocketAddress());
        filling.add(c);
      }
    }

    @Override
    public void close() throws IOException {
      listener.close();
      for (SocketChannel c : filling) {
        c.close();
      }
    }
  }

  private static Dialer found(String... ips) {
    return new Dialer(host -> {
      InetAddress[] all = new InetAddress[ips.length];
      for (int i = 0; i < ips.length; i++) {
        all[i] = InetAddress.getByName(ips[i]);
      }
      return all;
    });
  }

  @Test
  void nextIpAddressIsTriedWhileTheFirstDoesNotAnswerAndHostIsUnchanged() throws Exception {
    List<String> requests = new ArrayList<>();
    try (ServerSocket second = new ServerSocket(0, 50, InetAddress.getByName("127.0.0.2"));
        Dead first = new Dead(second.getLocalPort());
        RawNode node = new RawNode(second, (request, out) -> {
          requests.add(request);
          RawNode.write(out, RawNode.answer(200, "{}"));
        })) {
      for (Dialer dialer : List.of(found("127.0.0.3", "127.0.0.2"), found("127.0.0.4", "127.0.0.2"))) {
        Transport.Request request =
            new Transport.Request(Address.of("node.test:" + node.port()), "GET", "/v1/x", Map.of(), null, TIMEOUT, true);
        Transport.Reply reply = new Workers().run(new InFlight(), TIMEOUT, () -> new SocketTransport(dialer, null).send(request, new InFlight()));
        assertEquals(200, reply.status());
        assertTrue(requests.remove(0).contains("\r\nHost: node.test:" + node.port() + "\r\n"));
      }
      assertFalse(first.listener.isClosed());
    }
  }

  @Test
  void nothingIsSentIfNoIpAddressAcceptsAConnection() throws Exception {
    try (Dead dead = new Dead(0)) {
      String address = "node.test:" + dead.listener.getLocalPort();
      for (Dialer dialer : List.of(found("127.0.0.3"), found("127.0.0.3", "127.0.0.3"), found())) {
        InFlight inFlight = new InFlight();
        Transport.Request request = new Transport.Request(Address.of(address), "GET", "/", Map.of(), null, Duration.ofMillis(600), true);
        IOException e = assertThrows(IOException.class, () -> new Workers().run(inFlight, TIMEOUT, () -> new SocketTransport(dialer, null).send(request, inFlight)));
        assertTrue(e.getMessage().contains("did not accept a connection within 200 ms") || e.getMessage().contains("no IP address"), e.toString());
        assertFalse(inFlight.sent());
      }
    }
  }

  @Test
  void attemptThatConnectedTooLateSendsNothing() throws Exception {
    try (ServerSocket listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
      Duration timeout = Duration.ofMillis(200);
      Dialer slow = new Dialer(host -> {
        try {
          Thread.sleep(timeout.toMillis());
        } catch (InterruptedException e) {
          throw new AssertionError(e);
        }
        return new InetAddress[] {listener.getInetAddress()};
      });
      InFlight inFlight = new InFlight();
      Transport.Request request =
          new Transport.Request(Address.of("node.test:" + listener.getLocalPort()), "GET", "/", Map.of(), null, timeout, true);
      assertThrows(NotSentException.class, () -> new Workers().run(inFlight, TIMEOUT, () -> new SocketTransport(slow, null).send(request, inFlight)));
      assertFalse(inFlight.sent());
    }
  }

  @Test
  void abandonedConnectionIsReset() throws Exception {
    try (ServerSocket listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
      CompletableFuture<Object> end = new CompletableFuture<>();
      Thread node = new Thread(() -> {
        try (Socket s = listener.accept()) {
          s.getInputStream().readAllBytes();
          end.complete("an orderly end");
        } catch (IOException e) {
          end.complete(e);
        }
      });
      node.setDaemon(true);
      node.start();
      LockdClient client = LockdClient.builder().addresses("127.0.0.1:" + ((InetSocketAddress) listener.getLocalSocketAddress()).getPort())
          .retryFor(Duration.ZERO).requestTimeout(Duration.ofMillis(200)).build();
      assertThrows(OutcomeUnknownException.class, () -> client.acquire("x"));
      assertEquals(SocketException.class, end.get(60, TimeUnit.SECONDS).getClass());
    }
  }
}
