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
 * Threads that wait for the network, so that callers can be interrupted and have one deadline for all steps. There is
 * no other way to end a wait for a name server.
 */
final class Workers {
  private final ExecutorService threads = Executors.newCachedThreadPool(r -> {
    Thread t = new Thread(r, "lockd-io");
    t.setDaemon(true);
    return t;
  });

  /** Runs work. Abandons the request after the limit, or at an interrupt. */
  <T> T run(InFlight inFlight, Duration limit, Callable<T> work) throws IOException, InterruptedException {
    return run(inFlight, limit, Interrupts.END, work);
  }

  /** Runs work. Abandons the request after the limit, or at an interrupt that ends the call. */
  <T> T run(InFlight inFlight, Duration limit, Interrupts interrupts, Callable<T> work) throws IOException, InterruptedException {
    Future<T> result = threads.submit(work);
    boolean ended = false;
    try {
      T value = interrupts.run(limit, nanos -> get(result, nanos, limit));
      ended = true;
      return value;
    } finally {
      if (!ended) {
        inFlight.abandon();
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
