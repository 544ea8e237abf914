package io.lockd.samples;

import io.lockd.client.Lease;
import io.lockd.client.LockdClient;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;

/**
 * One of several workers, of which one is the leader. Start it in three terminals and kill the leader with kill -9:
 * another worker becomes the leader. Ctrl-C ends a leader cleanly, and the next one leads at once.
 */
public final class Election {
  private static final Duration TTL = Duration.ofSeconds(3); // the longest time without a leader after a crash

  private Election() {}

  public static void main(String[] args) throws Exception {
    String addresses = System.getenv().getOrDefault("LOCKD_ADDR", LockdClient.DEFAULT_ADDRESS);
    LockdClient client = LockdClient.at(addresses.split(","));
    endElectionAtShutdown(Thread.currentThread());
    System.out.println(client.holder() + " is a candidate");
    try {
      client.elect("scheduler", TTL, lease -> lead(client, lease));
    } catch (InterruptedException e) {
      // the election has ended
    }
  }

  /** The work of the leader. A loss interrupts it, and the worker becomes a candidate again. */
  private static void lead(LockdClient client, Lease lease) throws InterruptedException {
    System.out.println(client.holder() + " leads with token " + lease.token());
    try {
      new CountDownLatch(1).await();
    } finally {
      System.out.println(client.holder() + " no longer leads");
    }
  }

  private static void endElectionAtShutdown(Thread candidate) {
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      candidate.interrupt();
      try {
        candidate.join();
      } catch (InterruptedException e) {
        // no code interrupts this thread
      }
    }));
  }
}
