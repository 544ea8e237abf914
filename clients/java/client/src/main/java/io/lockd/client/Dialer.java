package io.lockd.client;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.net.UnknownHostException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Connects to the first IP address of a host that accepts a connection. */
final class Dialer {
  private static final Duration NEXT_AFTER = Duration.ofMillis(250); // until the next one is tried as well (RFC 8305)
  private static final Duration MAX_CONNECT = Duration.ofSeconds(2); // for one of them
  private static final int CONNECT_DIVISOR = 3; // one gets at most a third of the attempt's time
  private static final int MAX_ADDRESSES = 16;

  /** Resolves a host. */
  interface Resolver {
    InetAddress[] of(String host) throws UnknownHostException;
  }

  private final Resolver resolver;

  Dialer(Resolver resolver) {
    this.resolver = resolver;
  }

  /** Connects. The timeout is that of the whole attempt. An interrupt ends it. */
  SocketChannel dial(String host, int port, Duration timeout) throws IOException {
    List<InetAddress> ips = alternate(resolver.of(host));
    Duration limit = Config.min(MAX_CONNECT, timeout.dividedBy(CONNECT_DIVISOR));
    try (Race race = new Race(limit)) {
      return race.run(ips, port);
    }
  }

  /** Orders addresses with alternating families, starting with that of the first. */
  private static List<InetAddress> alternate(InetAddress[] ips) {
    List<InetAddress> first = new ArrayList<>();
    List<InetAddress> other = new ArrayList<>();
    for (InetAddress ip : ips) {
      (ip.getClass() == ips[0].getClass() ? first : other).add(ip);
    }
    List<InetAddress> all = new ArrayList<>();
    for (int i = 0; i < Math.max(first.size(), other.size()); i++) {
      if (i < first.size()) {
        all.add(first.get(i));
      }
      if (i < other.size()) {
        all.add(other.get(i));
      }
    }
    return all.subList(0, Math.min(all.size(), MAX_ADDRESSES));
  }

  /** Connects in progress. The next one starts 250 ms after the last one, or when the last one has failed. */
  private static final class Race implements AutoCloseable {
    private final Selector selector = Selector.open();
    private final Duration limit;
    private IOException failure = new ConnectException("the host has no IP address");
    private SocketChannel winner;
    private long nextAt = System.nanoTime();

    Race(Duration limit) throws IOException {
      this.limit = limit;
    }

    SocketChannel run(List<InetAddress> ips, int port) throws IOException {
      int begun = 0;
      while (winner == null) {
        if (begun < ips.size() && nextAt - System.nanoTime() <= 0) {
          begin(new InetSocketAddress(ips.get(begun++), port));
        } else if (selector.keys().isEmpty() && begun == ips.size()) {
          throw failure;
        } else {
          await(begun < ips.size());
        }
      }
      return winner;
    }

    private void begin(InetSocketAddress to) throws IOException {
      nextAt = System.nanoTime() + NEXT_AFTER.toNanos();
      SocketChannel channel = SocketChannel.open();
      try {
        channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
        channel.setOption(StandardSocketOptions.SO_KEEPALIVE, true);
        // When an attempt is given up, the kernel discards what it has not sent.
        channel.setOption(StandardSocketOptions.SO_LINGER, 0);
        channel.configureBlocking(false);
        if (channel.connect(to)) {
          winner = channel;
        } else {
          channel.register(selector, SelectionKey.OP_CONNECT, System.nanoTime() + limit.toNanos());
        }
      } catch (IOException | RuntimeException e) {
        channel.close();
        failed(e instanceof IOException io ? io : new IOException(e));
      }
    }

    private void failed(IOException e) {
      failure = e;
      nextAt = System.nanoTime();
    }

    private void await(boolean more) throws IOException {
      long until = more ? nextAt : Long.MAX_VALUE;
      long now = System.nanoTime();
      long wait = more ? until - now : Long.MAX_VALUE;
      for (SelectionKey key : selector.keys()) {
        wait = Math.min(wait, (Long) key.attachment() - now);
      }
      selector.select(Math.max(1, wait / 1_000_000 + 1));
      if (Thread.currentThread().isInterrupted()) {
        throw new InterruptedIOException("interrupted");
      }
      for (SelectionKey key : List.copyOf(selector.keys())) {
        check(key);
      }
      selector.selectNow(); // removes the closed ones
      selector.selectedKeys().clear();
    }

    private void check(SelectionKey key) {
      SocketChannel channel = (SocketChannel) key.channel();
      try {
        if (key.isConnectable() && channel.finishConnect()) {
          if (winner == null) {
            winner = channel;
            key.cancel();
          }
        } else if ((Long) key.attachment() - System.nanoTime() <= 0) {
          throw new ConnectException(channel.getRemoteAddress() + " did not accept a connection within " + limit.toMillis() + " ms");
        }
      } catch (IOException e) {
        InFlight.quietly(channel);
        failed(e);
      }
    }

    @Override
    public void close() throws IOException {
      for (SelectionKey key : List.copyOf(selector.keys())) {
        if (key.channel() != winner) {
          InFlight.quietly(key.channel());
        }
      }
      selector.close();
      if (winner != null) {
        winner.configureBlocking(true);
      }
    }
  }
}
