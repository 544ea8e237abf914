package io.lockd.client;

import java.time.Duration;

/** How a waiting call handles an interrupt of its thread. */
enum Interrupts {
  /** The call ends with an InterruptedException. */
  END,
  /** The call continues, and its thread is interrupted again when the call returns. */
  DEFER;

  private static final long MAX_NANOS = Duration.ofDays(36_500).toNanos();

  /** A wait of at most so many nanoseconds. */
  interface Wait<T, X extends Exception> {
    T atMost(long nanos) throws X, InterruptedException;
  }

  /** Runs a wait, and repeats it after a deferred interrupt for the rest of the time. */
  <T, X extends Exception> T run(Duration limit, Wait<T, X> wait) throws X, InterruptedException {
    long start = System.nanoTime();
    long within = nanos(limit);
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return wait.atMost(Math.max(0, within - (System.nanoTime() - start)));
        } catch (InterruptedException e) {
          if (this == END) {
            throw e;
          }
          interrupted = true;
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  void sleep(Duration d) throws InterruptedException {
    run(d, nanos -> {
      Thread.sleep(nanos / 1_000_000, (int) (nanos % 1_000_000));
      return null;
    });
  }

  /** Returns the length of d, from zero to 100 years. */
  private static long nanos(Duration d) {
    return d.isNegative() ? 0 : d.compareTo(Duration.ofNanos(MAX_NANOS)) > 0 ? MAX_NANOS : d.toNanos();
  }
}
