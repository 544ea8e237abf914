package io.lockd.client;

import java.time.Duration;

/** The machine's clocks. */
interface Clock {
  Reading now();

  static Reading system() {
    return new Reading(System.nanoTime(), System.currentTimeMillis() * 1_000_000);
  }

  /**
   * One reading of the clocks, in nanoseconds. Java has no clock that counts suspensions, so the wall clock
   * is used as well.
   */
  record Reading(long mono, long wall) {
    /**
     * The time from this reading to a later one, never too short for a holder. A forward jump of the wall
     * clock may be a suspension and counts as elapsed. A backward jump counts as zero.
     */
    Duration until(Reading later) {
      // The wall clock has a resolution of 1 ms, and part of a millisecond may have passed already.
      return Duration.ofNanos(Math.max(later.mono - mono, later.wall - wall - 1_000_000));
    }
  }
}
