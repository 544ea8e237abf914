package io.lockd.shedlock;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * Maps the names of locks, which can be any text, to names of leases. Two lock names never have the same lease name.
 *
 * <p>Letters, digits, and . _ - are unchanged, and so is a / before a letter or a digit. Each other character, also the
 * colon, is written as its bytes in UTF-8, each as a colon and two hexadecimal digits. A name that does not begin with
 * a letter or a digit gets the prefix "0:", which is never followed by another colon. A name that is too long ends with
 * ":-" and the SHA-256 of the whole name.
 */
final class LeaseNames {
  private static final int MAX_NAME = 200;
  private static final int MAX_PREFIX = 100;
  private static final String SEGMENT = "[0-9A-Za-z][0-9A-Za-z._:-]*";

  private final String prefix;

  LeaseNames(String prefix) {
    if (!prefix.isEmpty() && !prefix.matches(SEGMENT + "(/" + SEGMENT + ")*/?") || prefix.length() > MAX_PREFIX) {
      throw new IllegalArgumentException(
          "prefix \"" + prefix + "\" must be at most " + MAX_PREFIX + " of A-Z a-z 0-9 . _ : - /, and begin with a letter or a digit, also after each /");
    }
    this.prefix = prefix;
  }

  /** Returns the name of the lease for a lock. */
  String of(String lock) {
    StringBuilder name = new StringBuilder(prefix);
    if (lock.isEmpty() || !isAlphanumeric(lock.charAt(0))) {
      name.append("0:").append(lock.isEmpty() ? ":" : "");
    }
    for (int i = 0; i < lock.length(); i += Character.charCount(lock.codePointAt(i))) {
      int c = lock.codePointAt(i);
      boolean first = i == 0;
      boolean segment = c == '/' && i + 1 < lock.length() && isAlphanumeric(lock.charAt(i + 1));
      if (isAlphanumeric(c) || !first && (segment || c == '.' || c == '_' || c == '-')) {
        name.append((char) c);
      } else {
        escape(name, c);
      }
    }
    return name.length() <= MAX_NAME ? name.toString() : shortened(name.toString(), lock);
  }

  private static boolean isAlphanumeric(int c) {
    return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z';
  }

  private static void escape(StringBuilder name, int c) {
    for (byte b : utf8(c)) {
      name.append(':').append(HexFormat.of().toHexDigits(b));
    }
  }

  /**
   * Returns the bytes of a character. An unpaired surrogate, which UTF-8 does not allow, is encoded like other
   * characters.
   */
  private static byte[] utf8(int c) {
    boolean unpaired = c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE;
    return unpaired
        ? new byte[] {(byte) (0xe0 | c >> 12), (byte) (0x80 | c >> 6 & 0x3f), (byte) (0x80 | c & 0x3f)}
        : Character.toString(c).getBytes(StandardCharsets.UTF_8);
  }

  private static String shortened(String name, String lock) {
    String end = ":-" + HexFormat.of().formatHex(sha256(lock));
    return name.substring(0, MAX_NAME - end.length()).replaceFirst("/$", "") + end;
  }

  private static byte[] sha256(String lock) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(lock.getBytes(StandardCharsets.UTF_16BE));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every Java runtime has it
    }
  }
}
