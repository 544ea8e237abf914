package io.lockd.client;

import java.util.List;
import java.util.Random;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/** Makes random changes to texts, the same ones for the same seed. */
final class Mutator {
  private static final List<String> NUMBERS = List.of(
      "0", "-1", "1.5", "1e3", "1e400", "86400001", "2147483648", "9007199254740991", "9007199254740992", "18446744073709551616");
  private static final List<String> INTERESTING = List.of(
      "-0", "null", "true", "\"x\"",
      "[]", "{}", "\"token\":7,", "{\"a\":", "[[[[", "\\", "\\u0000", "\\ud800", "\"", ":", ",", "}", "]", "\n", "\r\n", "\n\n", "data: ", "id: ",
      "event: ", "%", "%2F", "@", "//", "://", "[::1]", ":0", "?", "#", "é", "\u0000", "\u2028", " ", "/problems/", "chunked", "ffffffffffffffff");
  private static final Pattern NUMBER = Pattern.compile("[0-9]+");

  final Random random;
  int from; // index of the corpus entry of the last text

  Mutator(long seed) {
    random = new Random(seed);
  }

  <T> T pick(List<T> list) {
    return list.get(random.nextInt(list.size()));
  }

  /** Returns an entry of the corpus after one to four random changes. */
  String next(List<String> corpus) {
    from = random.nextInt(corpus.size());
    String text = corpus.get(from);
    for (int n = 1 + random.nextInt(4); n > 0; n--) {
      text = change(text, corpus);
    }
    return text;
  }

  private String change(String text, List<String> corpus) {
    int at = random.nextInt(text.length() + 1);
    int end = at + random.nextInt(Math.min(text.length() - at, 12) + 1);
    return switch (random.nextInt(7)) {
      case 0 -> text.substring(0, at) + text.substring(end);
      case 1 -> text.substring(0, at) + pick(INTERESTING) + text.substring(at);
      case 2 -> text.substring(0, at) + pick(INTERESTING) + text.substring(end);
      case 3 -> text.substring(0, end) + text.substring(at);
      case 4 -> text.substring(0, at) + (char) random.nextInt(128) + text.substring(Math.min(at + 1, text.length()));
      case 5 -> {
        String other = pick(corpus);
        yield text.substring(0, at) + other.substring(random.nextInt(Math.min(other.length(), 8) + 1));
      }
      default -> replaceNumber(text);
    };
  }

  /** Replaces one number: a change of a random character seldom makes a number out of bounds. */
  private String replaceNumber(String text) {
    List<MatchResult> numbers = NUMBER.matcher(text).results().toList();
    if (numbers.isEmpty()) {
      return text;
    }
    MatchResult n = pick(numbers);
    return text.substring(0, n.start()) + pick(NUMBERS) + text.substring(n.end());
  }
}
