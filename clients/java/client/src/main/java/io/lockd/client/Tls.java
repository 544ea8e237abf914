package io.lockd.client;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocketFactory;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;

/**
 * The authorities that a client trusts and its own certificate, from PEM files: see "TLS and tokens" in
 * clients/README.md. It returns the factory for a new connection, and loads the files again when they have changed. If
 * that fails, it logs a warning and uses the last ones. Two threads may load them at the same time.
 */
final class Tls implements Supplier<SSLSocketFactory> {
  private static final System.Logger LOG = System.getLogger("io.lockd.client");
  private static final Pattern KEY = Pattern.compile("-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\\s]+)-----END PRIVATE KEY-----");
  private static final char[] PASSWORD = {}; // of key stores that exist only in memory

  private final Path ca; // null: the authorities of the system
  private final Path cert; // null: no client certificate
  private final Path key;
  private volatile List<String> stamps;
  private volatile SSLSocketFactory factory;

  /** Loads the files; each may be null. Throws IllegalArgumentException. */
  Tls(Path ca, Path cert, Path key) {
    if ((cert == null) != (key == null)) {
      throw new IllegalArgumentException("certFile and keyFile belong together; give both or neither");
    }
    this.ca = ca;
    this.cert = cert;
    this.key = key;
    this.stamps = stamps();
    this.factory = load();
  }

  @Override
  public SSLSocketFactory get() {
    List<String> now = stamps();
    if (!now.equals(stamps)) {
      stamps = now;
      try {
        factory = load();
      } catch (IllegalArgumentException e) {
        LOG.log(System.Logger.Level.WARNING, () -> e.getMessage() + "; the last files are still used");
      }
    }
    return factory;
  }

  private List<String> stamps() {
    return Stream.of(ca, cert, key).filter(Objects::nonNull).map(Tls::stamp).toList();
  }

  private static String stamp(Path file) {
    try {
      BasicFileAttributes a = Files.readAttributes(file, BasicFileAttributes.class);
      return a.lastModifiedTime() + " " + a.size() + " " + a.fileKey();
    } catch (IOException e) {
      return "none";
    }
  }

  private SSLSocketFactory load() {
    TrustManager[] trust = ca == null ? null : trust(certificates("caFile", ca));
    KeyManager[] own = cert == null ? null : own(certificates("certFile", cert));
    try {
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(own, trust, null);
      return context.getSocketFactory();
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  private static TrustManager[] trust(List<Certificate> authorities) {
    try {
      KeyStore store = emptyStore();
      for (int i = 0; i < authorities.size(); i++) {
        store.setCertificateEntry("ca" + i, authorities.get(i));
      }
      TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      factory.init(store);
      return factory.getTrustManagers();
    } catch (GeneralSecurityException | IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private KeyManager[] own(List<Certificate> chain) {
    try {
      KeyStore store = emptyStore();
      store.setKeyEntry("client", key(chain.get(0)), PASSWORD, chain.toArray(new Certificate[0]));
      KeyManagerFactory factory = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
      factory.init(store, PASSWORD);
      return factory.getKeyManagers();
    } catch (GeneralSecurityException | IOException e) {
      throw new IllegalArgumentException(shown("certFile", cert) + ": it is not a chain of certificates");
    }
  }

  private static KeyStore emptyStore() throws GeneralSecurityException, IOException {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, null);
    return store;
  }

  private static List<Certificate> certificates(String option, Path file) {
    String what = shown(option, file);
    try {
      List<Certificate> found = new ArrayList<>(CertificateFactory.getInstance("X.509").generateCertificates(new ByteArrayInputStream(read(what, file))));
      if (!found.isEmpty()) {
        return found;
      }
    } catch (CertificateException e) {
      // not a certificate
    }
    throw new IllegalArgumentException(what + ": it is not a valid PEM file of certificates");
  }

  /** Reads the key. Throws IllegalArgumentException, which never contains it, if it does not belong to the certificate. */
  private PrivateKey key(Certificate of) {
    String what = shown("keyFile", key);
    Matcher pem = KEY.matcher(new String(read(what, key), StandardCharsets.ISO_8859_1));
    if (!pem.find()) {
      throw new IllegalArgumentException(what + ": it has no PKCS#8 key (BEGIN PRIVATE KEY) without a password; convert it with: openssl pkcs8 -topk8 -nocrypt");
    }
    try {
      PKCS8EncodedKeySpec spec = new PKCS8EncodedKeySpec(Base64.getMimeDecoder().decode(pem.group(1)));
      PrivateKey found = KeyFactory.getInstance(of.getPublicKey().getAlgorithm()).generatePrivate(spec);
      if (belongsTo(found, of)) {
        return found;
      }
    } catch (GeneralSecurityException | IllegalArgumentException e) {
      // a key of another algorithm, or none
    }
    throw new IllegalArgumentException(what + ": it is not a valid key, or it belongs to another certificate than " + shown("certFile", cert));
  }

  private static boolean belongsTo(PrivateKey key, Certificate of) throws GeneralSecurityException {
    String algorithm = switch (key.getAlgorithm()) {
      case "EC" -> "SHA256withECDSA";
      case "RSA" -> "SHA256withRSA";
      default -> key.getAlgorithm();
    };
    byte[] text = {1, 2, 3};
    Signature signature = Signature.getInstance(algorithm);
    signature.initSign(key);
    signature.update(text);
    byte[] signed = signature.sign();
    signature.initVerify(of.getPublicKey());
    signature.update(text);
    return signature.verify(signed);
  }

  private static byte[] read(String what, Path file) {
    try {
      return Files.readAllBytes(file);
    } catch (NoSuchFileException e) {
      throw new IllegalArgumentException(what + ": it does not exist");
    } catch (IOException e) {
      throw new IllegalArgumentException(what + ": " + e.getMessage());
    }
  }

  private static String shown(String option, Path file) {
    return option + " \"" + file + "\"";
  }
}
