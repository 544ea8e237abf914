package io.lockd.client;

import java.net.http.HttpClient;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A client of one cluster of lockd, with one session. It can be used by any number of threads.
 *
 * <pre>{@code
 * LockdClient client = LockdClient.at("10.0.0.1:7400", "10.0.0.2:7400");
 * try (Lease lease = client.acquire("nightly-report", AcquireOptions.waiting(Duration.ofMinutes(1)))) {
 *   report(lease.token()); // the store must refuse a lower token
 * }
 * }</pre>
 */
public final class LockdClient {
  public static final String DEFAULT_ADDRESS = "http://127.0.0.1:7400";

  private final Config cfg;
  private final Leases leases;
  private final Reads reads;
  private final OperatorRequests operator;
  private final ThreadHolds threadHolds = new ThreadHolds();

  private LockdClient(Builder b) {
    cfg = new Config(b, Clock::system);
    leases = new Leases(cfg);
    reads = new Reads(cfg);
    operator = new OperatorRequests(cfg);
  }

  /** Creates a client of these nodes. Any node serves any request. See {@link Builder#addresses}. */
  public static LockdClient at(String... addresses) {
    return builder().addresses(addresses).build();
  }

  /**
   * Waits until every release that no node has confirmed yet is certain, for at most so long, and returns whether that
   * is so. Call it before the process ends: releases in the background do not keep it alive. Leases that are held are
   * not released.
   */
  public boolean awaitReleases(Duration within) throws InterruptedException {
    return leases.pending.await(within);
  }

  public static Builder builder() {
    return new Builder();
  }

  /** The options of a client. All are optional. */
  public static final class Builder {
    List<String> addresses = List.of(DEFAULT_ADDRESS);
    final List<Map.Entry<String, String>> headers = new ArrayList<>();
    String holder;
    String session;
    Duration requestTimeout;
    Duration retryFor = Duration.ofSeconds(5);
    Duration unreachableTimeout = Duration.ofSeconds(15);
    Duration waitPiece = Duration.ofSeconds(60);
    HttpClient http;
    String token;
    Path tokenFile;
    Path caFile;
    Path certFile;
    Path keyFile;
    boolean insecure;

    private Builder() {}

    /**
     * The HTTP addresses of nodes, or of a proxy in front of them:
     * {@code [http[s]://]host[:port][/base/path]}. They are tried in this order, starting with the one that answered
     * last. The default port is 7400. An empty list is refused.
     */
    public Builder addresses(String... of) {
      addresses = List.of(of);
      return this;
    }

    /** The public label of the client's holds and waits; by default host name/process ID. */
    public Builder holder(String of) {
      holder = of;
      return this;
    }

    /** The secret session of this process, 16 to 128 characters; by default random. */
    public Builder session(String of) {
      session = of;
      return this;
    }

    /**
     * Limits one attempt at one address, in addition to the wait that it asks for. A TTL must be at least three times
     * as long.
     */
    public Builder requestTimeout(Duration of) {
      requestTimeout = of;
      return this;
    }

    /** How long a call repeats its request while no address gives a final answer; by default 5 s. */
    public Builder retryFor(Duration of) {
      retryFor = of;
      return this;
    }

    /** A header of each request. Headers that the client sets itself, such as Host and Content-Type, are refused. */
    public Builder header(String name, String value) {
      headers.add(Map.entry(name, value));
      return this;
    }

    /**
     * How long a call continues while no node answers, whatever its wait; by default 15 s. Elections and renewals
     * continue.
     */
    public Builder unreachableTimeout(Duration of) {
      unreachableTimeout = of;
      return this;
    }

    /**
     * The longest wait of one request, 1 s to 60 s; by default 60 s. Set it below the idle timeout of a load balancer.
     */
    public Builder waitPiece(Duration of) {
      waitPiece = of;
      return this;
    }

    /**
     * Sends the requests, instead of the client's own sockets, which use no proxy. It decides which proxy it uses and
     * how it connects. It must not follow redirects.
     */
    public Builder httpClient(HttpClient of) {
      http = of;
      return this;
    }

    /** Sent with each request as {@code Authorization: Bearer}, over https and to loopback only. */
    public Builder token(String of) {
      token = of;
      return this;
    }

    /** A file with the token, instead of {@link #token}. It is read again after a 401 or a 429 and every minute. */
    public Builder tokenFile(Path of) {
      tokenFile = of;
      return this;
    }

    /**
     * A PEM file with the authorities of the nodes' certificates, instead of those of the system. This and the files of
     * the client certificate are loaded again when they change, for new connections.
     */
    public Builder caFile(Path of) {
      caFile = of;
      return this;
    }

    /** A PEM file with a client certificate and its chain. */
    public Builder certFile(Path of) {
      certFile = of;
      return this;
    }

    /** A PEM file with the PKCS#8 key of the client certificate, without a password. */
    public Builder keyFile(Path of) {
      keyFile = of;
      return this;
    }

    /** Whether the token is sent over http to other machines, too. */
    public Builder insecure(boolean of) {
      insecure = of;
      return this;
    }

    /** Creates the client. It sends nothing. */
    public LockdClient build() {
      return new LockdClient(this);
    }
  }

  /** The public holder label of the client's holds and waits. */
  public String holder() {
    return cfg.holder;
  }

  /** The client's session. It is a secret. */
  public String session() {
    return cfg.session;
  }

  /** Acquires a lease of 15 s without a wait. */
  public Lease acquire(String name) throws InterruptedException {
    return acquire(name, AcquireOptions.DEFAULT);
  }

  /**
   * Acquires the lease, or waits for it in its queue. Two calls of one client for one name exclude each other, unless
   * the limit is above 1: then each further hold has its own session. If the call throws, also because of an interrupt,
   * it releases what it may have acquired. It waits for that for a second at most.
   *
   * @throws NotAcquiredException if it is refused; HeldException if others hold the lease or wait for it
   */
  public Lease acquire(String name, AcquireOptions options) throws InterruptedException {
    return leases.acquire(name, options, cfg.unreachableTimeout, Interrupts.END);
  }

  /**
   * Acquires up to 64 leases in one step, or none of them, and does not wait. Returns them in the order of the
   * names, each with its own token. Leases that the session holds already are renewed with the others.
   *
   * @param options ttl, meta and keep; other options are refused
   * @throws NotAcquiredException if it is refused; {@link Problem#leases} prevented it
   */
  public List<Lease> acquireAll(List<String> names, AcquireOptions options) throws InterruptedException {
    return leases.acquireAll(names, options);
  }

  /** Work to run under a lease. It should return soon after {@link Lease#onLost} was called. */
  public interface Work {
    void run(Lease lease) throws Exception;
  }

  /**
   * Runs work whenever this client leads, and again after each loss. A loss interrupts work, and an exception that work
   * throws after a loss is ignored. While the client leads, the call returns when work returns, and throws what work
   * throws. An interrupt ends the election and releases the lease.
   *
   * @throws LeaseLostException if work has returned and the node reports that the hold had ended before
   * @throws IllegalStateException if the calling thread holds the name through a lock or another election
   */
  public void elect(String name, Duration ttl, Work work) throws Exception {
    new Election(leases, threadHolds, name, AcquireOptions.ttl(ttl)).run(work);
  }

  /** Returns a lock with the interface of java.util.concurrent. It is not reentrant. Its holds belong to threads. */
  public LeaseLock lock(String name, AcquireOptions options) {
    return new LeaseLock(leases, threadHolds, name, options, false);
  }

  /**
   * Returns a lock with the interface of java.util.concurrent that the thread that holds it may lock again. It is
   * released after the same number of unlock calls. A lock call after the lease was lost throws LeaseLostException.
   */
  public LeaseLock reentrantLock(String name, AcquireOptions options) {
    return new LeaseLock(leases, threadHolds, name, options, true);
  }

  /** Reads a lease. A free lease is a state and not an error. */
  public LeaseState get(String name) throws InterruptedException {
    return reads.get(name);
  }

  /** Reads the leases with names that begin with the prefix and that are held or delayed, or have waiters. */
  public List<LeaseState> list(String prefix) throws InterruptedException {
    return reads.list(prefix);
  }

  /** Reports whether a token belongs to a current hold. */
  public boolean check(String name, long token) throws InterruptedException {
    return reads.check(name, token);
  }

  /** Reads the newest events of a name, at most 16, newest first. */
  public LeaseHistory history(String name) throws InterruptedException {
    return reads.history(name);
  }

  /** Reads the members of the cluster and its leader, as the node that answers sees them. */
  public ClusterStatus cluster() throws InterruptedException {
    return reads.cluster();
  }

  /**
   * For operators: ends a hold of another session. Its holder's renewals are refused from now on. The lease is free
   * when the last deadline of its holder has passed.
   *
   * @param reason 1 to 500 printable characters, stored in the history
   * @throws LeaseLostException if the token is not current
   */
  public Broken breakHold(String name, long token, String reason) throws InterruptedException {
    return operator.breakHold(name, token, reason, null);
  }

  /**
   * For operators: ends a hold of another session as {@link #breakHold(String, long, String)}. The lease is free after
   * the grace.
   */
  public Broken breakHold(String name, long token, String reason, Duration grace) throws InterruptedException {
    return operator.breakHold(name, token, reason, grace);
  }

  /**
   * For operators: asks a holder to transfer or release the lease when that is safe. The hold does not end by it. The
   * holder finds {@link Lease#stepDown} after its next renewal.
   *
   * @throws LeaseLostException if the token is not current
   */
  public StepDownRequested stepDown(String name, long token, StepDown request) throws InterruptedException {
    return operator.stepDown(name, token, request);
  }

  /** Watches the changes of one lease, in order and without gaps. */
  public Watch watch(String name) {
    return new Watch(cfg, "name", name, 0);
  }

  /**
   * Watches the changes of all leases with names that begin with the prefix, after a revision (0: starting with the
   * states).
   */
  public Watch watchPrefix(String prefix, long after) {
    return new Watch(cfg, "prefix", prefix, after);
  }
}
