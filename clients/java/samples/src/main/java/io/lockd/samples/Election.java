package io.lockd.samples;

import io.lockd.client.Lease;
import io.lockd.client.LockdClient;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;

/**
 * One of several workers of which one leads. Start it in three terminals and kill the one that
 * leads, with kill -9: another takes over. Ctrl-C resigns, and the next one leads at once.
 */
public final class Election {
  private static final Duration TTL = Duration.ofSeconds(3); // a leader that dies is missed for no longer

  private Election() {}

  public static void main(String[] args) throws Exception {
    String addresses = System.getenv().getOrDefault("LOCKD_ADDR", LockdClient.DEFAULT_ADDRESS);
    LockdClient client = LockdClient.at(addresses.split(","));
    resignAtTheEnd(Thread.currentThread());
    System.out.println(client.holder() + " is a candidate");
    try {
      client.elect("scheduler", TTL, lease -> lead(client, lease));
    } catch (InterruptedException e) {
      // it has resigned
    }
  }

  /** What the leader does. A loss interrupts it, and the worker is a candidate again. */
  private static void lead(LockdClient client, Lease lease) throws InterruptedException {
    System.out.println(client.holder() + " leads with token " + lease.token());
    try {
      new CountDownLatch(1).await();
    } finally {
      System.out.println(client.holder() + " leads no more");
    }
  }

  private static void resignAtTheEnd(Thread candidate) {
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      candidate.interrupt();
      try {
        candidate.join();
      } catch (InterruptedException e) {
        // nobody interrupts this thread
      }
    }));
  }
}
