package io.lockd.client;

import java.time.Duration;

/**
 * One reading of the machine's clocks, in nanoseconds. The wall clock stands in for one
 * that counts suspensions, which Java does not have.
 */
record Moment(long mono, long wall) {

  /** Reads the time. */
  interface Source {
    Moment now();
  }

  static Moment system() {
    return new Moment(System.nanoTime(), System.currentTimeMillis() * 1_000_000);
  }

  /**
   * How much time has passed until then, for a holder that must rather stop too early: a
   * forward jump of the wall clock may have been a suspension and counts as elapsed, a
   * backward jump counts for nothing.
   */
  Duration until(Moment then) {
    // The wall clock is read in milliseconds: one of them may have begun already.
    return Duration.ofNanos(Math.max(then.mono - mono, then.wall - wall - 1_000_000));
  }
}
