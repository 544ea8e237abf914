package io.lockd.client;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;

/**
 * A port of the loopback address that nothing else gets as a free port until it is closed.
 * Connections are refused until a server with SO_REUSEADDR listens on it: {@link #listen}, or a node.
 */
final class ReservedPort implements AutoCloseable {
  final int number;

  private final Socket bound = new Socket();

  ReservedPort() throws IOException {
    bound.setReuseAddress(true);
    bound.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    number = bound.getLocalPort();
  }

  ServerSocket listen() throws IOException {
    ServerSocket listening = new ServerSocket();
    listening.setReuseAddress(true);
    listening.bind(bound.getLocalSocketAddress());
    return listening;
  }

  @Override
  public void close() throws IOException {
    bound.close();
  }
}
