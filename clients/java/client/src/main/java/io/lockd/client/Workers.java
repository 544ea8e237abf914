package io.lockd.client;

import java.io.IOException;
import java.net.http.HttpTimeoutException;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Threads that wait for the network, so that their callers can be interrupted and have a deadline
 * that covers all: what waits for a name server can be ended in no other way.
 */
final class Workers {
  private final ExecutorService threads = Executors.newCachedThreadPool(r -> {
    Thread t = new Thread(r, "lockd-io");
    t.setDaemon(true);
    return t;
  });

  /** Runs it; gives up the inFlight when the time is over, or at an interrupt. */
  <T> T run(InFlight inFlight, Duration limit, Callable<T> work) throws IOException, InterruptedException {
    return run(inFlight, limit, Interrupts.END, work);
  }

  /** Runs it; gives up the inFlight when the time is over, or at an interrupt that ends the call. */
  <T> T run(InFlight inFlight, Duration limit, Interrupts interrupts, Callable<T> work) throws IOException, InterruptedException {
    Future<T> result = threads.submit(work);
    boolean ended = false;
    try {
      T value = interrupts.run(limit, nanos -> get(result, nanos, limit));
      ended = true;
      return value;
    } finally {
      if (!ended) {
        inFlight.giveUp();
        result.cancel(true);
      }
    }
  }

  private static <T> T get(Future<T> result, long nanos, Duration limit) throws IOException, InterruptedException {
    try {
      return result.get(nanos, TimeUnit.NANOSECONDS);
    } catch (TimeoutException e) {
      throw new HttpTimeoutException("no answer within " + limit.toMillis() + " ms");
    } catch (ExecutionException e) {
      if (e.getCause() instanceof IOException cause) {
        throw cause;
      }
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw new IOException(e.getCause());
    }
  }
}
