package io.lockd.client;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Runs a step for its holds repeatedly, in a thread that ends when all of them have ended. */
final class Loop {
  // Limits how late a suspension is detected: timers do not run during a suspension.
  private static final Duration CHECK_INTERVAL = Duration.ofSeconds(1);

  /** Returns when to call it again. */
  interface Step {
    Duration of(List<Hold> holds) throws InterruptedException;
  }

  private final String name;
  private final Step step;
  private final List<Hold> holds = new ArrayList<>();
  private boolean running;
  private boolean changed; // a hold was added or has ended

  Loop(String name, Step step) {
    this.name = name;
    this.step = step;
  }

  void join(Hold hold) {
    synchronized (this) {
      holds.add(hold);
      if (!running) {
        Thread t = new Thread(this::run, name);
        t.setDaemon(true);
        t.start(); // if there is no thread, the next hold tries again
        running = true;
      }
    }
    hold.atEnd(why -> wake());
    wake();
  }

  private synchronized void wake() {
    changed = true;
    notifyAll();
  }

  private void run() {
    Duration rest = Retry.MIN_PAUSE;
    for (List<Hold> now = living(); !now.isEmpty(); now = living()) {
      try {
        pause(step.of(now));
        rest = Retry.MIN_PAUSE;
      } catch (Throwable e) { // the other holds must still be renewed; an interrupt comes from a callback
        Uncaught.report(e);
        rest(rest);
        rest = Retry.longer(rest);
      }
    }
  }

  private static void rest(Duration d) {
    try {
      Interrupts.END.sleep(d);
    } catch (InterruptedException e) {
      Uncaught.report(e);
    }
  }

  private synchronized List<Hold> living() {
    changed = false;
    holds.removeIf(h -> h.ended() != null);
    running = !holds.isEmpty();
    return List.copyOf(holds);
  }

  private synchronized void pause(Duration d) throws InterruptedException {
    if (!changed) {
      wait(Config.max(Duration.ofMillis(1), Config.min(d, CHECK_INTERVAL)).toMillis());
    }
  }
}
