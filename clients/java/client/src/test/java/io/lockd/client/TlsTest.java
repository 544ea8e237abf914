package io.lockd.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import javax.net.ssl.ExtendedSSLSession;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A node with https: its certificate must be valid for the host of the address. */
class TlsTest {
  private static final Duration TIMEOUT = Duration.ofSeconds(30);
  private static final char[] PASSWORD = "changeit".toCharArray();

  @TempDir Path dir;

  private SSLContext context() throws Exception {
    Path store = dir.resolve("keys.p12");
    Process keytool = new ProcessBuilder(
        Path.of(System.getProperty("java.home"), "bin", "keytool").toString(), "-genkeypair", "-keyalg", "EC", "-dname", "CN=lockd", "-ext",
        "SAN=dns:node.test", "-keystore", store.toString(), "-storetype", "PKCS12", "-storepass", new String(PASSWORD)).inheritIO().start();
    assertEquals(0, keytool.waitFor());
    KeyStore keys = KeyStore.getInstance("PKCS12");
    try (InputStream in = Files.newInputStream(store)) {
      keys.load(in, PASSWORD);
    }
    KeyManagerFactory own = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    own.init(keys, PASSWORD);
    KeyStore trusted = KeyStore.getInstance("PKCS12");
    trusted.load(null, null);
    trusted.setCertificateEntry("node", keys.getCertificate(keys.aliases().nextElement()));
    TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(trusted);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(own.getKeyManagers(), trust.getTrustManagers(), null);
    return context;
  }

  @Test
  void certificateMustMatchTheHost() throws Exception {
    SSLContext context = context();
    List<String> names = new CopyOnWriteArrayList<>();
    try (SSLServerSocket listener = (SSLServerSocket) context.getServerSocketFactory().createServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
      Thread node = new Thread(() -> serve(listener, names));
      node.setDaemon(true);
      node.start();
      SocketTransport sockets = new SocketTransport(new Dialer(host -> new InetAddress[] {InetAddress.getLoopbackAddress()}), context::getSocketFactory);
      for (int i = 0; i < 2; i++) {
        assertEquals(200, ask(sockets, "https://node.test:" + listener.getLocalPort(), new InFlight()));
      }
      assertTrue(names.stream().allMatch(n -> n.contains("node.test")), names::toString);
      InFlight other = new InFlight();
      assertThrows(SSLException.class, () -> ask(sockets, "https://other.test:" + listener.getLocalPort(), other));
      assertFalse(other.sent());
    }
  }

  private static int ask(SocketTransport sockets, String address, InFlight inFlight) throws Exception {
    Transport.Request request = new Transport.Request(Address.of(address), "POST", "/v1/x", Map.of(), new byte[] {'{', '}'}, TIMEOUT, false);
    return new Workers().run(inFlight, TIMEOUT, () -> {
      Transport.Reply reply = sockets.send(request, inFlight);
      assertEquals(2, reply.readAll().length);
      return reply.status();
    });
  }

  private static void serve(SSLServerSocket listener, List<String> names) {
    try {
      while (true) {
        SSLSocket s = (SSLSocket) listener.accept();
        RawNode.daemon(() -> handle(s, names));
      }
    } catch (IOException e) {
      // the test is over
    }
  }

  private static void handle(SSLSocket s, List<String> names) {
    try (s) {
      s.startHandshake();
      names.add(((ExtendedSSLSession) s.getSession()).getRequestedServerNames().toString());
      byte[] requests = new byte[4096];
      while (s.getInputStream().read(requests) > 0) {
        RawNode.write(s.getOutputStream(), RawNode.answer(200, "{}"));
      }
    } catch (IOException e) {
      // the client has disconnected
    }
  }
}
