package io.lockd.client;

import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.nio.charset.StandardCharsets;
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

  // How often who waits to lead lets an interrupt or a loss of the network be seen.
  private static final Duration CAMPAIGN = Duration.ofMinutes(1);

  private final Config cfg;
  private final Talks talks;
  private final Turns turns = new Turns();
  private final Loop renewals;
  private final Loop deadlines = new Loop("lockd-deadlines", holds -> holds.stream().map(Hold::expire).min(Duration::compareTo).orElseThrow());
  private Duration pause = Rounds.MIN_PAUSE; // the renewals' own

  private LockdClient(Builder b) {
    cfg = new Config(b, Moment::system);
    talks = new Talks(cfg);
    renewals = new Loop("lockd-renewals", this::renew);
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
   * Takes the lease, or waits for it in its queue. Two leases of one name and client exclude each
   * other.
   *
   * @throws NotAcquiredException where it is refused: HeldException where others hold or wait
   */
  public Lease acquire(String name, AcquireOptions options) throws InterruptedException {
    return acquire(name, options, false, cfg.unreachableTimeout);
  }

  /** Acquires; gives up when no node has answered for the limit. */
  private Lease acquire(String name, AcquireOptions options, boolean keepPlace, Duration limit) throws InterruptedException {
    cfg.checkTtl(options.ttl());
    Moment start = cfg.clock.now();
    Runnable leave = options.reclaim() ? () -> {} : turns.take(name, options.waits());
    boolean had = false;
    try {
      Duration left = Config.max(options.waits().minus(start.until(cfg.clock.now())), Duration.ZERO);
      Hold hold = talks.acquire(name, options, left, keepPlace, limit);
      Lease lease = new Lease(talks, hold, leave);
      deadlines.join(hold);
      if (options.keep()) {
        renewals.join(hold);
      }
      had = true;
      return lease;
    } finally {
      if (!had) {
        leave.run();
      }
    }
  }

  private Duration renew(List<Hold> holds) throws InterruptedException {
    Duration due = holds.stream().map(Talks::untilRenewal).min(Duration::compareTo).orElseThrow();
    if (!due.isNegative() && !due.isZero()) {
      return due;
    }
    boolean ok = talks.renewTogether(holds);
    pause = ok ? Rounds.MIN_PAUSE : Rounds.longer(pause);
    Rounds.sleep(Rounds.jitter(pause));
    return Duration.ZERO;
  }

  /** What runs under a lease. It should return soon after {@link Lease#onLost} is told. */
  public interface Work {
    void run(Lease lease) throws Exception;
  }

  /**
   * Runs work whenever this client leads, and again after each loss, which interrupts it; what
   * work throws then counts as its end. Returns when work returns by itself while it leads, and
   * throws what it throws; an interrupt resigns.
   */
  public void elect(String name, Duration ttl, Work work) throws Exception {
    AcquireOptions options = AcquireOptions.ttl(ttl).withWait(CAMPAIGN);
    try {
      while (true) {
        Lease lease = campaign(name, options);
        if (lease != null && !leadUntilLost(lease, work)) {
          return;
        }
      }
    } catch (InterruptedException e) {
      leaveQueue(name);
      throw e;
    }
  }

  /** Asks to lead, for as long as one wait takes; null: not yet. */
  private Lease campaign(String name, AcquireOptions options) throws InterruptedException {
    try {
      return acquire(name, options, true, AcquireOptions.FOREVER);
    } catch (NotAcquiredException e) {
      if (e.problem().filter(p -> p.type().equals("limit-mismatch") || p.type().equals("session-in-use")).isPresent()) {
        throw e;
      }
    } catch (LeaseLostException | UnavailableException | OutcomeUnknownException e) {
      Rounds.sleep(Rounds.jitter(Rounds.MIN_PAUSE));
    }
    return null;
  }

  /** Runs work, and returns whether the lead was lost; else the work's error is its own. */
  private static boolean leadUntilLost(Lease lease, Work work) throws Exception {
    try (lease) {
      lead(lease, work);
    } catch (InterruptedException e) {
      throw e; // somebody else's
    } catch (Exception e) {
      if (!lease.lost()) {
        throw e;
      }
    }
    if (!lease.lost()) {
      return false;
    }
    Rounds.sleep(Rounds.jitter(Rounds.MIN_PAUSE));
    return true;
  }

  /** Runs work, interrupted by a loss. */
  private static void lead(Lease lease, Work work) throws Exception {
    LossInterrupt interrupt = new LossInterrupt();
    lease.onLost(why -> interrupt.send());
    try {
      work.run(lease);
    } catch (InterruptedException e) {
      if (!interrupt.taken()) {
        throw e; // somebody else's
      }
    } finally {
      interrupt.end();
    }
  }

  /** Leaves the queue, unless another thread has the turn: then the session's place, or hold, is that one's. */
  private void leaveQueue(String name) {
    boolean interrupted = Thread.interrupted();
    try {
      Runnable leave = turns.take(name, Duration.ZERO);
      try {
        talks.leaveQueue(name);
      } finally {
        leave.run();
      }
    } catch (HeldException e) {
      // it is another thread's
    } catch (InterruptedException e) {
      interrupted = true;
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** A lock in the shape of java.util.concurrent: for code that is written for one. */
  public LeaseLock lock(String name, AcquireOptions options) {
    return new LeaseLock(this, name, options);
  }

  /** Reads a lease. A free lease is a state, and no error. */
  public LeaseState get(String name) throws InterruptedException {
    return Rounds.send(cfg, Rounds.Call.get(cfg, Rounds.lease(name, ""), raw -> LeaseState.of(raw, name))).value();
  }

  /** Reads the leases that are held, delayed or waited for, and whose names begin with the prefix. */
  public List<LeaseState> list(String prefix) throws InterruptedException {
    List<LeaseState> all = new ArrayList<>();
    String cursor = "";
    do {
      String query = "?prefix=" + encode(prefix) + (cursor.isEmpty() ? "" : "&cursor=" + encode(cursor));
      Page page = Rounds.send(cfg, Rounds.Call.get(cfg, "/v1/leases" + query, Page::of)).value();
      all.addAll(page.leases);
      cursor = page.next;
    } while (!cursor.isEmpty());
    return all;
  }

  private record Page(List<LeaseState> leases, String next) {
    static Page of(Json raw) {
      return new Page(raw.fullList("leases").stream().map(LeaseState::of).toList(), raw.text("next"));
    }
  }

  private static String encode(String of) {
    return URLEncoder.encode(of, StandardCharsets.UTF_8);
  }

  /** Whether a token is that of a hold that stands. */
  public boolean check(String name, long token) throws InterruptedException {
    try {
      Rounds.send(cfg, Rounds.Call.get(cfg, Rounds.lease(name, "check") + "?token=" + token, raw -> current(raw, token)));
      return true;
    } catch (RefusedException | LeaseLostException e) {
      if (e.problem().filter(p -> p.status() == 409).isPresent()) {
        return false;
      }
      throw e;
    }
  }

  private static boolean current(Json raw, long token) {
    if (raw.token() != token) {
      throw new IllegalArgumentException("it is of another hold");
    }
    return true;
  }

  /** Tells the changes of one lease, in order and without a hole. */
  public Watch watch(String name) {
    return new Watch(cfg, "name", name, 0);
  }

  /** Tells the changes of all leases whose names begin with the prefix, after a revision (0: from the state). */
  public Watch watchPrefix(String prefix, long after) {
    return new Watch(cfg, "prefix", prefix, after);
  }
}
