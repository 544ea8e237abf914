package io.lockd.samples;

import io.lockd.client.AcquireOptions;
import io.lockd.client.Lease;
import io.lockd.client.LockdClient;
import java.time.Duration;

/**
 * Runs a job of which no two may run at once. Start it in two terminals: the second one waits until
 * the first has finished.
 */
public final class Mutex {
  private Mutex() {}

  public static void main(String[] args) throws InterruptedException {
    String addresses = System.getenv().getOrDefault("LOCKD_ADDR", LockdClient.DEFAULT_ADDRESS);
    LockdClient client = LockdClient.at(addresses.split(","));
    System.out.println(client.holder() + " waits for its turn");
    AcquireOptions wish = AcquireOptions.ttl(Duration.ofSeconds(10)).withWait(Duration.ofMinutes(1));
    try (Lease lease = client.acquire("nightly-report", wish)) {
      System.out.println(client.holder() + " runs with token " + lease.token());
      for (int part = 0; part < 4; part++) {
        lease.awaitEnd(Duration.ofMillis(500)); // a part of the work
        lease.check(); // throws LeaseLostException once another may have begun
      }
      System.out.println(client.holder() + " is done");
    }
  }
}
