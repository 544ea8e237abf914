package io.lockd.client;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/**
 * The token that requests carry, and the file that it is read from: see "TLS and tokens" in clients/README.md. No text
 * about it contains the token. Two threads may read the file at the same time.
 */
final class Tokens {
  static final Duration REREAD = Duration.ofMinutes(1);
  private static final int UNAUTHENTICATED = 401;
  private static final int TOO_MANY_REQUESTS = 429;
  private static final int MAX_TOKEN = 16 << 10; // bytes
  private static final System.Logger LOG = System.getLogger("io.lockd.client");

  private final Clock clock;
  private final Path file; // null: the token never changes
  private volatile String token; // null: none
  private volatile Clock.Reading readAt;
  private volatile boolean failed; // the last read failed
  private volatile boolean refused; // the last renewal was refused for its token

  Tokens(String token, Path file, Clock clock) {
    if (token != null && file != null) {
      throw new IllegalArgumentException("token and tokenFile are both given; give only one of them");
    }
    this.clock = clock;
    this.file = file;
    this.readAt = clock.now();
    this.token = file != null ? read(file) : token == null ? null : checked("token", token);
  }

  /** Reports whether requests carry a token. */
  boolean given() {
    return token != null;
  }

  /** Throws IllegalArgumentException if the token would be sent in plain text over a network. */
  void checkAddresses(List<Address> addresses, boolean insecure) {
    for (Address a : addresses) {
      if (given() && !a.secure() && !a.loopback() && !insecure) {
        throw new IllegalArgumentException(
            "address \"" + a + "\": a token is sent only over https or to this machine; write https://" + a.authority() + a.path()
                + ", or set insecure to send it in plain text");
      }
    }
  }

  /** Returns the token for the next request; null: none. The file is read again every minute. */
  String current() {
    if (file != null && readAt.until(clock.now()).compareTo(REREAD) >= 0) {
      reread();
    }
    return token;
  }

  /** Reports whether a status is the answer to a wrong token; 429 if it has failed too often. */
  static boolean refusedBy(int status) {
    return status == UNAUTHENTICATED || status == TOO_MANY_REQUESTS;
  }

  /** Reads the file again after the token was refused. Returns whether there is another token than the one that was sent. */
  boolean changed(String sent) {
    if (file != null) {
      reread();
    }
    return token != null && !token.equals(sent);
  }

  private void reread() {
    readAt = clock.now();
    try {
      token = read(file);
      failed = false;
    } catch (IllegalArgumentException e) {
      if (!failed) {
        LOG.log(System.Logger.Level.WARNING, () -> e.getMessage() + "; the last token is still used");
      }
      failed = true;
    }
  }

  /** Records that a renewal succeeded (null), or that it was refused for its token. The first such error is logged. */
  void renewed(LockdException error) {
    if (error != null && !refused) {
      LOG.log(System.Logger.Level.WARNING,
          () -> "a renewal was refused: " + error.getMessage() + "; it is repeated until the deadline of the lease");
    }
    refused = error != null;
  }

  /** Returns the body of an answer without the token: a proxy may answer with the headers of the request. */
  static String masked(String body, String token) {
    return token == null ? body : body.replace(token, "***");
  }

  private static String read(Path file) {
    String what = "tokenFile \"" + file + "\"";
    byte[] raw;
    try (InputStream in = Files.newInputStream(file)) {
      raw = in.readNBytes(MAX_TOKEN + 1);
    } catch (NoSuchFileException e) {
      throw new IllegalArgumentException(what + ": it does not exist");
    } catch (IOException e) {
      throw new IllegalArgumentException(what + ": " + e.getMessage());
    }
    return checked(what, new String(raw, StandardCharsets.ISO_8859_1).stripTrailing());
  }

  private static String checked(String what, String token) {
    if (token.length() > MAX_TOKEN || !token.matches("[A-Za-z0-9._~+/-]+=*")) {
      throw new IllegalArgumentException(what + ": it must be one token of A-Z a-z 0-9 . _ ~ + / - with = only at its end");
    }
    return token;
  }
}
