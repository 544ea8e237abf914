package io.lockd.shedlock;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class LeaseNamesTest {
  /** The names that the server allows. */
  private static final String LEGAL = "[0-9A-Za-z][0-9A-Za-z._:-]*(/[0-9A-Za-z][0-9A-Za-z._:-]*)*";

  @Test
  void readableNamesAreKept() {
    LeaseNames names = new LeaseNames("jobs/");
    Map.of("report", "jobs/report", "eu/report", "jobs/eu/report", "My_task-1.2", "jobs/My_task-1.2", "nightly report", "jobs/nightly:20report",
        "Report#run", "jobs/Report:23run", "a:b", "jobs/a:3ab", "Müll", "jobs/M:c3:bcll", "_x", "jobs/0::5fx", "a//b/", "jobs/a:2f/b:2f")
        .forEach((lock, lease) -> assertThat(names.of(lock)).isEqualTo(lease));
  }

  @Test
  void differentLocksHaveDifferentLeases() {
    String[] parts = {"a", "0", "2", "f", ":", "_", "/", "-", ".", " ", "#", "ü", "😀", "\ud83d", "::", ":-"};
    List<String> locks = new ArrayList<>(List.of(""));
    for (int from = 0, length = 0; length < 4; length++) {
      int to = locks.size();
      for (; from < to; from++) {
        for (String p : parts) {
          locks.add(locks.get(from) + p);
        }
      }
    }
    for (String prefix : List.of("", "jobs/", "run-1-", "p".repeat(100))) {
      LeaseNames names = new LeaseNames(prefix);
      Map<String, String> lockOf = new HashMap<>();
      for (String lock : locks) {
        String lease = names.of(lock);
        assertThat(lease).startsWith(prefix).hasSizeLessThanOrEqualTo(200).matches(LEGAL);
        String other = lockOf.put(lease, lock);
        assertThat(other == null || other.equals(lock)).as("%s of %s and %s", lease, lock, other).isTrue();
      }
    }
  }

  @Test
  void longNamesWithTheSameStartHaveDifferentLeases() {
    for (String part : List.of("a", "ü", "a/", ":", "_")) {
      for (String prefix : List.of("", "jobs/", "p".repeat(100))) {
        LeaseNames names = new LeaseNames(prefix);
        Map<String, String> lockOf = new HashMap<>();
        for (int n = 1; n < 300; n++) {
          for (String end : List.of("a", "b")) {
            String lease = names.of(part.repeat(n) + end);
            assertThat(lease).hasSizeLessThanOrEqualTo(200).matches(LEGAL);
            assertThat(lockOf.putIfAbsent(lease, part.repeat(n) + end)).as("another lock of %s", lease).isIn(null, part.repeat(n) + end);
          }
        }
      }
    }
  }

  @Test
  void invalidPrefixIsRefused() {
    for (String wrong : List.of("/", "_", "a b", "a//", "ü", "p".repeat(101))) {
      assertThatThrownBy(() -> new LeaseNames(wrong)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("prefix");
    }
  }
}
