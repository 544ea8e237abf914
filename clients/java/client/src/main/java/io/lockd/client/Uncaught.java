package io.lockd.client;

/** Where an error goes that nobody waits for. */
final class Uncaught {
  private Uncaught() {}

  /** Tells the thread's handler of uncaught exceptions, as if the error had ended the thread. */
  static void report(Throwable error) {
    Thread me = Thread.currentThread();
    try {
      me.getUncaughtExceptionHandler().uncaughtException(me, error);
    } catch (Throwable ignored) {
      // what a handler throws counts for nothing, as where a thread has ended
    }
  }
}
