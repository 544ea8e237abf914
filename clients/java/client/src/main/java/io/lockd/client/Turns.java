package io.lockd.client;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

/** Two handles on one name in one process exclude each other, although they have one session. */
final class Turns {
  private final Map<String, Object> taken = new HashMap<>();

  /** Waits for the turn, and returns how to end it; more than once does no more. */
  synchronized Runnable take(String name, Duration wait) throws InterruptedException {
    long start = System.nanoTime();
    long within = wait.compareTo(Duration.ofDays(3650)) > 0 ? Duration.ofDays(3650).toNanos() : wait.toNanos();
    while (taken.containsKey(name)) {
      long left = within - (System.nanoTime() - start);
      if (left <= 0) {
        throw new HeldException(name + " is held by this client", null, null);
      }
      wait(left / 1_000_000 + 1);
    }
    Object mine = new Object();
    taken.put(name, mine);
    return () -> leave(name, mine);
  }

  private synchronized void leave(String name, Object mine) {
    if (taken.remove(name, mine)) {
      notifyAll();
    }
  }
}
