package io.lockd.client;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Does a step for all its holds again and again, in a thread that lasts as long as one of them. */
final class Loop {
  // Bounds how late a jump of the wall clock is noticed: timers sleep through a suspension.
  private static final Duration LOOK_EVERY = Duration.ofSeconds(1);

  /** Returns when it wants to be called again. */
  interface Step {
    Duration of(List<Hold> holds) throws InterruptedException;
  }

  private final String name;
  private final Step step;
  private final List<Hold> holds = new ArrayList<>();
  private boolean running;
  private boolean news;

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
        t.start(); // where no thread can be had, the next hold asks for one again
        running = true;
      }
    }
    hold.atEnd(why -> tell());
    tell();
  }

  private synchronized void tell() {
    news = true;
    notifyAll();
  }

  private void run() {
    Duration rest = Retry.MIN_PAUSE;
    for (List<Hold> now = living(); !now.isEmpty(); now = living()) {
      try {
        pause(step.of(now));
        rest = Retry.MIN_PAUSE;
      } catch (Throwable e) { // or the other holds would be kept no more; an interrupt is a callback's
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
    news = false;
    holds.removeIf(h -> h.ended() != null);
    running = !holds.isEmpty();
    return List.copyOf(holds);
  }

  private synchronized void pause(Duration d) throws InterruptedException {
    if (!news) {
      wait(Config.max(Duration.ofMillis(1), Config.min(d, LOOK_EVERY)).toMillis());
    }
  }
}
