package io.lockd.client;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * The releases of a client that no node has confirmed. Each is repeated in the background until a node confirms it or
 * there is nothing left to release. The next acquire of the same name and session waits for it, so that no late copy of
 * a request ends a later hold. The threads do not keep the process alive. A release whose credentials were refused is
 * not repeated in the background: its hold ends with its TTL, and only the next acquire sends it.
 */
final class PendingReleases {
  private static final int MAX_THREADS = 4;
  private static final Duration ATTEMPT = Duration.ofSeconds(5); // limits one attempt in the background
  private static final Duration IDLE = Duration.ofSeconds(10); // after which a thread ends

  private final Map<PendingRelease.Key, List<PendingRelease>> pending = new HashMap<>();
  private final Set<PendingRelease> inBackground = new HashSet<>();
  private final ScheduledThreadPoolExecutor threads = new ScheduledThreadPoolExecutor(MAX_THREADS, r -> {
    Thread t = new Thread(r, "lockd-releases");
    t.setDaemon(true);
    return t;
  });

  PendingReleases() {
    threads.setKeepAliveTime(IDLE.toMillis(), TimeUnit.MILLISECONDS);
    threads.allowCoreThreadTimeOut(true);
  }

  /**
   * Sends a release, and continues in the background if it is not confirmed when the call returns.
   *
   * @param budget limits the call; null: the usual time of a call
   */
  void release(PendingRelease r, Duration budget, Interrupts interrupts) throws InterruptedException {
    add(r);
    try {
      r.send(budget, interrupts);
    } finally {
      if (r.certain()) {
        remove(r);
      } else if (r.denied()) {
        rest(r);
      } else {
        repeat(r, Retry.MIN_PAUSE);
      }
    }
  }

  /** Continues a release in the background. */
  void inBackground(PendingRelease r) {
    add(r);
    repeat(r, Duration.ZERO);
  }

  private void repeat(PendingRelease r, Duration pause) {
    boolean begins;
    synchronized (this) {
      begins = inBackground.add(r);
    }
    if (begins) {
      later(r, pause);
    }
  }

  /** Waits until the earlier releases of a name and session are confirmed. */
  void settle(PendingRelease.Key key, Interrupts interrupts) throws InterruptedException {
    for (PendingRelease r : of(key)) {
      if (!r.over()) {
        send(r, null, interrupts);
      }
      remove(r);
    }
  }

  /** Sends it. A final refusal confirms it too. */
  private static void send(PendingRelease r, Duration budget, Interrupts interrupts) throws InterruptedException {
    try {
      r.send(budget, interrupts);
    } catch (RefusedException e) {
      if (!r.certain()) {
        throw e;
      }
    }
  }

  private void later(PendingRelease r, Duration pause) {
    threads.schedule(() -> again(r, pause), Retry.jitter(pause).toNanos(), TimeUnit.NANOSECONDS);
  }

  private void again(PendingRelease r, Duration pause) {
    try {
      if (!r.over()) {
        send(r, ATTEMPT, Interrupts.END);
      }
      remove(r);
    } catch (LockdException | InterruptedException e) {
      if (r.denied()) {
        rest(r);
      } else {
        later(r, Config.max(Retry.MIN_PAUSE, Retry.longer(pause)));
      }
    } catch (Throwable e) {
      remove(r);
      Uncaught.report(e);
    }
  }

  /** Keeps a release without repeating it, until there is nothing left to release. */
  private synchronized void rest(PendingRelease r) {
    inBackground.remove(r);
    threads.schedule(() -> remove(r), r.left().toNanos(), TimeUnit.NANOSECONDS);
    notifyAll();
  }

  /** Waits until all that are repeated are confirmed, for at most so long, and returns whether all are confirmed. */
  synchronized boolean await(Duration within) throws InterruptedException {
    long end = System.nanoTime() + within.toNanos();
    for (long left = within.toNanos(); repeats() && left > 0; left = end - System.nanoTime()) {
      TimeUnit.NANOSECONDS.timedWait(this, left);
    }
    return pending.isEmpty();
  }

  private boolean repeats() {
    return pending.values().stream().flatMap(List::stream).anyMatch(r -> !r.denied());
  }

  private synchronized List<PendingRelease> of(PendingRelease.Key key) {
    return List.copyOf(pending.getOrDefault(key, List.of()));
  }

  private synchronized void add(PendingRelease r) {
    List<PendingRelease> all = pending.computeIfAbsent(r.key(), k -> new ArrayList<>());
    if (!all.contains(r)) {
      all.add(r);
    }
  }

  private synchronized void remove(PendingRelease r) {
    inBackground.remove(r);
    List<PendingRelease> all = pending.get(r.key());
    if (all != null) {
      all.remove(r);
      if (all.isEmpty()) {
        pending.remove(r.key());
        notifyAll();
      }
    }
  }
}
