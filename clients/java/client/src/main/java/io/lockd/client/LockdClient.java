package io.lockd.client;

import java.net.http.HttpClient;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Speaks to one cluster of lockd in the name of one session, for any number of threads.
 *
 * <pre>{@code
 * LockdClient client = LockdClient.at("10.0.0.1:7400", "10.0.0.2:7400");
 * try (Lease lease = client.acquire("nightly-report", AcquireOptions.waiting(Duration.ofMinutes(1)))) {
 *   report(lease.token()); // let the store refuse a lower one
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

  /** A client of these nodes; any node serves any request. See {@link Builder#addresses}. */
  public static LockdClient at(String... addresses) {
    return builder().addresses(addresses).build();
  }

  public static Builder builder() {
    return new Builder();
  }

  /** How a client reaches a cluster. All of it may be left out. */
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

    private Builder() {}

    /**
     * The HTTP addresses of nodes, or of a proxy in front of them, tried in this order beginning with
     * the one that answered last: {@code [http[s]://][user[:password]@]host[:port][/base/path]}.
     * Without a port it is 7400. An empty list is refused.
     */
    public Builder addresses(String... of) {
      addresses = List.of(of);
      return this;
    }

    /** The public label of who holds or waits; by default host name/pid. */
    public Builder holder(String of) {
      holder = of;
      return this;
    }

    /** The secret of this process's life, 16 to 128 characters; random by default. */
    public Builder session(String of) {
      session = of;
      return this;
    }

    /** Bounds one attempt at one node, beside the wait it asks for. A TTL must have room for three. */
    public Builder requestTimeout(Duration of) {
      requestTimeout = of;
      return this;
    }

    /** How long a call goes round the addresses while none has an answer that stands. */
    public Builder retryFor(Duration of) {
      retryFor = of;
      return this;
    }

    /** Sent with each request. What the client sets itself, such as Host and Content-Type, is refused. */
    public Builder header(String name, String value) {
      headers.add(Map.entry(name, value));
      return this;
    }

    /**
     * How long a call goes on while no node answers at all, however long it would wait; by default
     * 15 s. Elections and renewals go on.
     */
    public Builder unreachableTimeout(Duration of) {
      unreachableTimeout = of;
      return this;
    }

    /**
     * The longest that one request waits for a lease, from 1 s to 60 s. Set it below the time after
     * which a load balancer cuts a silent request.
     */
    public Builder waitPiece(Duration of) {
      waitPiece = of;
      return this;
    }

    /**
     * Sends the requests, instead of sockets that use no proxy. It decides alone which proxy it uses and how it
     * connects; it should follow no redirect.
     */
    public Builder httpClient(HttpClient of) {
      http = of;
      return this;
    }

    /** Makes the client. It sends nothing. */
    public LockdClient build() {
      return new LockdClient(this);
    }
  }

  /** The label under which it holds and waits. */
  public String holder() {
    return cfg.holder;
  }

  /** The session in whose name it speaks. It is a secret. */
  public String session() {
    return cfg.session;
  }

  /** Asks once for a lease of 15 s. */
  public Lease acquire(String name) throws InterruptedException {
    return acquire(name, AcquireOptions.DEFAULT);
  }

  /**
   * Takes the lease, or waits for it in its queue. Two leases of one name and client exclude each other, unless
   * the limit is above 1: then each has a session of its own. If the call does not return the lease, also
   * because of an interrupt, it releases what it may have left, for which it waits for a second at most.
   *
   * @throws NotAcquiredException if it is refused: HeldException if others hold or wait
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
   * Runs work whenever this client leads, and again after each loss, which interrupts it; what
   * work throws then counts as its end. Returns when work returns by itself while it leads, and
   * throws what it throws; an interrupt resigns.
   *
   * @throws LeaseLostException if the work has returned and the node reports that the lead had ended before
   * @throws IllegalStateException if the calling thread holds the name through a lock or another election
   */
  public void elect(String name, Duration ttl, Work work) throws Exception {
    new Election(leases, threadHolds, name, AcquireOptions.ttl(ttl)).run(work);
  }

  /** A lock in the shape of java.util.concurrent that is not reentrant. Its holds belong to threads. */
  public LeaseLock lock(String name, AcquireOptions options) {
    return new LeaseLock(leases, threadHolds, name, options, false);
  }

  /**
   * A lock in the shape of java.util.concurrent that the thread that holds it may lock again. It is released
   * by as many unlocks. To lock it again when it is lost throws LeaseLostException.
   */
  public LeaseLock reentrantLock(String name, AcquireOptions options) {
    return new LeaseLock(leases, threadHolds, name, options, true);
  }

  /** Reads a lease. A free lease is a state, and no error. */
  public LeaseState get(String name) throws InterruptedException {
    return reads.get(name);
  }

  /** Reads the leases that are held, delayed or waited for, and whose names begin with the prefix. */
  public List<LeaseState> list(String prefix) throws InterruptedException {
    return reads.list(prefix);
  }

  /** Whether a token is that of a current hold. */
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

  /** For operators: ends a hold of another session as {@link #breakHold(String, long, String)}. The lease is free after the grace. */
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

  /** Tells the changes of all leases whose names begin with the prefix, after a revision (0: from the state). */
  public Watch watchPrefix(String prefix, long after) {
    return new Watch(cfg, "prefix", prefix, after);
  }
}
