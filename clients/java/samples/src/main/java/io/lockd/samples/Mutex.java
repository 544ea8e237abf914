package io.lockd.samples;

import io.lockd.client.AcquireOptions;
import io.lockd.client.Lease;
import io.lockd.client.LockdClient;
import java.time.Duration;

/**
 * Runs a job that must not run twice at the same time. Start it in two terminals: the second one waits until the first
 * one has finished.
 */
public final class Mutex {
  private Mutex() {}

  public static void main(String[] args) throws InterruptedException {
    String addresses = System.getenv().getOrDefault("LOCKD_ADDR", LockdClient.DEFAULT_ADDRESS);
    LockdClient client = LockdClient.at(addresses.split(","));
    System.out.println(client.holder() + " waits for the lease");
    AcquireOptions options = AcquireOptions.ttl(Duration.ofSeconds(10)).withWait(Duration.ofMinutes(1));
    try (Lease lease = client.acquire("nightly-report", options)) {
      System.out.println(client.holder() + " runs with token " + lease.token());
      for (int part = 0; part < 4; part++) {
        lease.awaitEnd(Duration.ofMillis(500)); // a part of the work
        lease.check(); // throws LeaseLostException if another process may have begun
      }
      System.out.println(client.holder() + " is done");
    }
  }
}
