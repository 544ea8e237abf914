import io.fabric8.kubernetes.api.model.coordination.v1.Lease;
import io.fabric8.kubernetes.api.model.coordination.v1.LeaseBuilder;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.extended.leaderelection.LeaderCallbacks;
import io.fabric8.kubernetes.client.extended.leaderelection.LeaderElectionConfigBuilder;
import io.fabric8.kubernetes.client.extended.leaderelection.resourcelock.LeaseLock;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.time.Duration;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/**
 * Tests lockd with the Kubernetes client of fabric8: {@code java Interop URL...}. Two candidates elect; the leading one
 * releases the Lease, then the leading one is killed; then Leases are written, read and watched.
 */
public final class Interop {
  private static final String NAMESPACE = "java";
  private static final String TOKEN = "lockd.io/fencing-token";
  private static final Duration DURATION = Duration.ofSeconds(4);
  private static final Duration DEADLINE = Duration.ofSeconds(3);
  private static final Duration RETRY = Duration.ofMillis(500);
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  public static void main(String[] args) throws Exception {
    if (args[0].equals("candidate")) {
      candidate(args[1], args[2]);
      return;
    }
    testElection(args);
    testObjects(args);
    System.exit(0); // the client has threads
  }

  private static KubernetesClient client(String url) {
    Config config = new ConfigBuilder(Config.empty()).withMasterUrl(url).withNamespace(NAMESPACE).build();
    return new KubernetesClientBuilder().withConfig(config).build();
  }

  /** Runs one candidate: it prints when it leads, and releases the Lease when it reads a line. */
  private static void candidate(String name, String url) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    KubernetesClient client = client(url);
    while (true) {
      CompletableFuture<?> election = client.leaderElector().withConfig(new LeaderElectionConfigBuilder()
          .withName("election").withLock(new LeaseLock(NAMESPACE, "election", name)).withReleaseOnCancel()
          .withLeaseDuration(DURATION).withRenewDeadline(DEADLINE).withRetryPeriod(RETRY)
          .withLeaderCallbacks(new LeaderCallbacks(
              () -> System.out.println("leading"), () -> System.out.println("stopped"), leader -> { }))
          .build()).build().start();
      if (in.readLine() == null) {
        System.exit(0);
      }
      election.cancel(true);
      Thread.sleep(DURATION.toMillis()); // another candidate takes over
    }
  }

  /** A candidate in a process of its own. */
  private static final class Candidate {
    final Process process;
    final BlockingQueue<String> lines = new LinkedBlockingQueue<>();
    final PrintWriter in;

    Candidate(String name, String url) throws IOException {
      process = new ProcessBuilder(System.getProperty("java.home") + "/bin/java", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
          "-cp", System.getProperty("java.class.path"), "Interop", "candidate", name, url)
          .redirectError(ProcessBuilder.Redirect.INHERIT).start();
      in = new PrintWriter(new OutputStreamWriter(process.getOutputStream()), true);
      Thread reader = new Thread(() -> new BufferedReader(new InputStreamReader(process.getInputStream())).lines().forEach(lines::add));
      reader.setDaemon(true);
      reader.start();
    }

    void await(String line) throws InterruptedException {
      for (long end = System.nanoTime() + PATIENCE.toNanos(); ; ) {
        String got = lines.poll(end - System.nanoTime(), TimeUnit.NANOSECONDS);
        check(got != null, "no candidate printed " + line);
        if (got.equals(line)) {
          return;
        }
      }
    }
  }

  private static void testElection(String[] urls) throws Exception {
    Candidate a = new Candidate("a", urls[0]);
    Candidate b = null;
    try (KubernetesClient client = client(urls[2 % urls.length])) {
      a.await("leading");
      long first = token(client);
      b = new Candidate("b", urls[1 % urls.length]);
      Thread.sleep(DURATION.plus(RETRY).toMillis()); // b has seen the Lease, and a has renewed it
      check(b.lines.isEmpty(), "b leads while a does");

      long released = System.nanoTime();
      a.in.println("release");
      b.await("leading");
      System.out.printf("fabric8: takeover after a release: %.2f s%n", (System.nanoTime() - released) / 1e9);
      long second = token(client);
      check(second > first, "the token " + second + " after " + first);
      a.await("stopped");

      Thread.sleep(RETRY.multipliedBy(3).toMillis());
      long killed = System.nanoTime();
      b.process.destroyForcibly().waitFor();
      a.await("leading");
      double took = (System.nanoTime() - killed) / 1e9;
      System.out.printf("fabric8: takeover after a kill: %.2f s (lease of %d s)%n", took, DURATION.toSeconds());
      check(took < DURATION.toSeconds() + 2.2 * RETRY.toMillis() / 1e3 + 1, "the takeover took " + took + " s");
      check(token(client) > second, "the token did not increase");
    } finally {
      a.process.destroyForcibly();
      if (b != null) {
        b.process.destroyForcibly();
      }
    }
  }

  private static long token(KubernetesClient client) {
    return Long.parseLong(client.leases().withName("election").get().getMetadata().getAnnotations().get(TOKEN));
  }

  private static Lease lease(String name, String holder) {
    return new LeaseBuilder().withNewMetadata().withName(name).addToLabels("app", "x").endMetadata().withNewSpec()
        .withHolderIdentity(holder).withLeaseDurationSeconds(60).withRenewTime(ZonedDateTime.now(ZoneOffset.UTC)).endSpec().build();
  }

  private static void testObjects(String[] urls) throws Exception {
    try (KubernetesClient client = client(urls[0]); KubernetesClient other = client(urls[1 % urls.length])) {
      List<String> seen = new CopyOnWriteArrayList<>();
      var informer = other.leases().withLabel("app", "x").inform(new ResourceEventHandler<Lease>() {
        @Override
        public void onAdd(Lease l) {
          seen.add("add " + l.getSpec().getHolderIdentity());
        }

        @Override
        public void onUpdate(Lease old, Lease l) {
          seen.add("update " + l.getSpec().getHolderIdentity());
        }

        @Override
        public void onDelete(Lease l, boolean unknown) {
          seen.add("delete");
        }
      });
      Lease made = client.resource(lease("crud", "a")).create();
      refused(409, () -> client.resource(lease("crud", "a")).create());
      refused(409, () -> client.leases().withName("crud").edit(l -> new LeaseBuilder(l).editSpec().withHolderIdentity("b").endSpec().build()));
      client.leases().withName("crud").edit(l -> new LeaseBuilder(l).editSpec().withHolderIdentity(null).endSpec().build());
      Lease taken = client.leases().withName("crud").edit(l -> new LeaseBuilder(l).editSpec().withHolderIdentity("b").endSpec().build());
      check(Long.parseLong(taken.getMetadata().getAnnotations().get(TOKEN)) > Long.parseLong(made.getMetadata().getAnnotations().get(TOKEN)),
          "the token did not increase");
      refused(409, () -> client.resource(made).update());
      Lease applied = client.resource(lease("applied", "c")).serverSideApply();
      check(applied.getMetadata().getAnnotations().get(TOKEN) != null, "an applied Lease has no token");
      check(client.leases().withLabel("app", "x").list().getItems().size() == 2, "the list does not have 2 Leases");
      client.leases().withName("crud").delete();
      refused(409, () -> client.resource(made).update()); // as by kube-apiserver, because it has a uid
      eventually("the informer sees all changes", () -> seen.containsAll(List.of("add a", "update null", "update b", "add c", "delete")));
      client.leases().withName("applied").delete();
      eventually("the store is empty", () -> informer.getStore().list().isEmpty());
      informer.close();
    }
  }

  private static void refused(int code, Runnable call) {
    try {
      call.run();
    } catch (KubernetesClientException e) {
      check(e.getCode() == code, "refused with " + e.getCode() + ", want " + code + ": " + e.getMessage());
      return;
    }
    throw new AssertionError("not refused with " + code);
  }

  private static void eventually(String what, BooleanSupplier ok) throws InterruptedException {
    for (long end = System.nanoTime() + PATIENCE.toNanos(); !ok.getAsBoolean(); Thread.sleep(10)) {
      check(System.nanoTime() < end, "timed out waiting until " + what);
    }
  }

  private static void check(boolean ok, String message) {
    if (!ok) {
      throw new AssertionError(message);
    }
  }
}
