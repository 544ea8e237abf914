package io.lockd.client;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;

/** A connection to a node with HTTP/1.1. Close resets it. Another thread may close it. */
final class Connection implements Closeable {
  private final SocketChannel channel;
  private final InputStream in;
  private final OutputStream out;
  long idleSince;

  private Connection(SocketChannel channel, Socket socket) throws IOException {
    this.channel = channel;
    this.in = new BufferedInputStream(socket.getInputStream());
    this.out = socket.getOutputStream();
  }

  /** Makes a connection of a channel. With TLS the certificate must be valid for the host of the address. */
  static Connection on(SocketChannel channel, Address to, SSLSocketFactory factory) throws IOException {
    if (!to.secure()) {
      return new Connection(channel, channel.socket());
    }
    SSLSocket tls = (SSLSocket) factory.createSocket(channel.socket(), to.host(), to.port(), true);
    SSLParameters parameters = tls.getSSLParameters();
    parameters.setEndpointIdentificationAlgorithm("HTTPS");
    tls.setSSLParameters(parameters);
    tls.startHandshake();
    return new Connection(channel, tls);
  }

  void write(Transport.Request r) throws IOException {
    StringBuilder head = new StringBuilder();
    head.append(r.method()).append(' ').append(r.to().path()).append(r.path()).append(" HTTP/1.1\r\n");
    head.append("Host: ").append(r.to().authority()).append("\r\n");
    r.headers().forEach((name, value) -> head.append(name).append(": ").append(value).append("\r\n"));
    if (r.body() != null) {
      head.append("Content-Length: ").append(r.body().length).append("\r\n");
    }
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    all.writeBytes(head.append("\r\n").toString().getBytes(StandardCharsets.US_ASCII));
    if (r.body() != null) {
      all.writeBytes(r.body());
    }
    out.write(all.toByteArray());
    out.flush();
  }

  InputStream in() {
    return in;
  }

  /** Reports whether the connection can be used again: it is open, and no unexpected data has arrived. */
  boolean quiet() {
    try {
      if (in.available() > 0) {
        return false;
      }
      channel.configureBlocking(false);
      try {
        return channel.read(ByteBuffer.allocate(1)) == 0;
      } finally {
        channel.configureBlocking(true);
      }
    } catch (IOException e) {
      return false;
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
