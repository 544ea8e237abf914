package io.lockd.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsExchange;
import com.sun.net.httpserver.HttpsParameters;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.http.HttpClient;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** TLS with PEM files: the authority of the nodes, and a client certificate. */
class TlsFilesTest {
  private static final Path PKI = Path.of("../../conformance/tls");
  private static final char[] PASSWORD = {};

  @TempDir Path dir;

  private final List<String> principals = new CopyOnWriteArrayList<>(); // of the requests; "": no client certificate
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private HttpsServer node;

  @BeforeEach
  void start() throws Exception {
    node = HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    node.setHttpsConfigurator(new HttpsConfigurator(context()) {
      @Override
      public void configure(HttpsParameters p) {
        SSLParameters of = getSSLContext().getDefaultSSLParameters();
        of.setProtocols(new String[] {"TLSv1.3"});
        of.setWantClientAuth(true);
        p.setSSLParameters(of);
      }
    });
    node.setExecutor(threads);
    node.createContext("/v1/", this::serve);
    node.start();
  }

  @AfterEach
  void stop() {
    node.stop(0);
    threads.shutdownNow();
  }

  private static SSLContext context() throws Exception {
    String pem = Files.readString(PKI.resolve("node.key")).replaceAll("-----[^-]*-----", "");
    PrivateKey key = KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(Base64.getMimeDecoder().decode(pem)));
    KeyStore own = KeyStore.getInstance("PKCS12");
    own.load(null, null);
    own.setKeyEntry("node", key, PASSWORD, new Certificate[] {certificate("node.crt")});
    KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    keys.init(own, PASSWORD);
    KeyStore trusted = KeyStore.getInstance("PKCS12");
    trusted.load(null, null);
    trusted.setCertificateEntry("clients", certificate("client-ca.crt"));
    TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(trusted);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
    return context;
  }

  private static Certificate certificate(String file) throws Exception {
    try (InputStream in = Files.newInputStream(PKI.resolve(file))) {
      return CertificateFactory.getInstance("X.509").generateCertificate(in);
    }
  }

  private void serve(HttpExchange x) throws IOException {
    principals.add(principal((HttpsExchange) x));
    byte[] body = "{\"name\":\"x\",\"state\":\"free\"}".getBytes(StandardCharsets.UTF_8);
    try (x) {
      x.getResponseHeaders().set("Connection", "close"); // so that the next request has a new connection
      x.sendResponseHeaders(200, body.length);
      x.getResponseBody().write(body);
    }
  }

  private static String principal(HttpsExchange x) {
    try {
      return x.getSSLSession().getPeerPrincipal().getName().replaceAll(".*CN=([^,]*).*", "$1");
    } catch (SSLPeerUnverifiedException e) {
      return "";
    }
  }

  private LockdClient.Builder client() {
    return LockdClient.builder().addresses("https://127.0.0.1:" + node.getAddress().getPort()).retryFor(Duration.ZERO);
  }

  private Path install(String from, String to) throws IOException {
    return Files.copy(PKI.resolve(from), dir.resolve(to), StandardCopyOption.REPLACE_EXISTING);
  }

  private static void refusedByTheClient(LockdClient client) {
    UnavailableException e = assertThrows(UnavailableException.class, () -> client.get("x"));
    assertTrue(e.getMessage().contains("certification path"), e.getMessage());
  }

  @Test
  void onlyANodeWithACertificateOfTheAuthorityIsTrusted() throws Exception {
    assertEquals("x", client().caFile(PKI.resolve("ca.crt")).token("secret").build().get("x").name());
    refusedByTheClient(client().token("secret").build());
    LockdClient other = client().token("secret").caFile(PKI.resolve("other-ca.crt")).build();
    UnavailableException e = assertThrows(UnavailableException.class, () -> other.acquire("x"));
    assertTrue(e.getMessage().contains("SSL") || e.getMessage().contains("certif"), e.getMessage());
    assertEquals(List.of(""), principals);
  }

  @Test
  void clientCertificateIsPresentedAndLoadedAgainWhenItChanges() throws Exception {
    Path cert = install("billing.crt", "client.crt");
    Path key = install("billing.key", "client.key");
    LockdClient client = client().caFile(PKI.resolve("ca.crt")).certFile(cert).keyFile(key).build();
    client.get("x");
    install("reports.crt", "client.crt");
    try (Warnings warnings = Warnings.with("the last files are still used")) {
      client.get("x"); // its key is not there yet
      assertEquals(1, warnings.all.size(), warnings.all::toString);
    }
    install("reports.key", "client.key");
    client.get("x");
    assertEquals(List.of("billing", "billing", "reports"), principals);
  }

  @Test
  void brokenFileKeepsTheLastGoodOne() throws Exception {
    Path ca = install("ca.crt", "ca.crt");
    LockdClient client = client().caFile(ca).build();
    Files.writeString(ca, "not a certificate, and longer");
    try (Warnings warnings = Warnings.with("the last files are still used")) {
      client.get("x");
      client.get("x");
      assertEquals(List.of("caFile \"" + ca + "\": it is not a valid PEM file of certificates; the last files are still used"), warnings.all);
    }
    install("other-ca.crt", "ca.crt");
    assertThrows(UnavailableException.class, () -> client.get("x"));
  }

  @Test
  void wrongFilesAreRefusedWhenTheClientIsMade() throws IOException {
    Path cert = PKI.resolve("billing.crt");
    Path key = PKI.resolve("billing.key");
    refused(client().caFile(dir.resolve("none")), "none\": it does not exist");
    refused(client().caFile(key), "not a valid PEM file of certificates");
    refused(client().certFile(cert), "certFile and keyFile belong together");
    refused(client().keyFile(key), "certFile and keyFile belong together");
    refused(client().certFile(cert).keyFile(PKI.resolve("reports.key")), "belongs to another certificate");
    refused(client().certFile(cert).keyFile(cert), "it has no PKCS#8 key");
    Path broken = Files.writeString(dir.resolve("broken.key"), Files.readString(key).replaceFirst("\nM", "\nA"));
    refused(client().certFile(cert).keyFile(broken), "not a valid key");
    refused(LockdClient.builder().caFile(PKI.resolve("ca.crt")), "caFile is given, but no address begins with https");
    refused(client().httpClient(HttpClient.newHttpClient()).caFile(PKI.resolve("ca.crt")), "caFile has no effect with httpClient");
  }

  private static void refused(LockdClient.Builder b, String why) {
    Exception e = assertThrows(IllegalArgumentException.class, b::build, why);
    assertTrue(e.getMessage().contains(why), e.getMessage());
    assertFalse(e.getMessage().contains("MIG"), "it contains no key");
  }
}
