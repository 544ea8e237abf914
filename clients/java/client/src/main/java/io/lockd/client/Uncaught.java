package io.lockd.client;

/** Reports errors of background work. */
final class Uncaught {
  private Uncaught() {}

  /** Passes an error to the thread's handler of uncaught exceptions, as if the error had ended the thread. */
  static void report(Throwable error) {
    Thread me = Thread.currentThread();
    try {
      me.getUncaughtExceptionHandler().uncaughtException(me, error);
    } catch (Throwable ignored) {
      // an exception of the handler is ignored, as Thread does
    }
  }
}
