package io.lockd.client;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.Callable;

/**
 * Watches leases: returns their changes in the order of the revisions, without gaps, over any number of connections. If
 * a connection ends before all states at the start were received, the states are sent again, because the watch cannot
 * resume from them. It is for one thread. Another thread may call {@link #close}.
 */
public final class Watch implements AutoCloseable {
  private static final Duration MAX_SILENCE = Duration.ofSeconds(30); // a node sends something every 10 s

  private static final int TOO_MANY_REQUESTS = 429;

  private final Config cfg;
  private final String parameter; // "name" or "prefix"
  private final String value;
  private final Clock.Reading start;
  private long after;
  private int to;
  private int failed;
  private boolean begun;
  private int silent; // attempts since a node last answered
  private EventStream stream; // null if there is no connection
  private String token; // of the last connection; null: none
  private volatile InFlight open = new InFlight();
  private volatile boolean closed;

  Watch(Config cfg, String parameter, String value, long after) {
    this.cfg = cfg;
    this.parameter = parameter;
    this.value = value;
    this.after = after;
    this.to = cfg.route.start();
    this.start = cfg.clock.now();
  }

  /**
   * Waits for the next change, and returns null once it is closed.
   *
   * @throws GoneException if the revision to resume after is no longer in the history
   */
  public LeaseEvent next() throws InterruptedException {
    while (!closed) {
      try {
        if (stream == null) {
          connect();
        }
        LeaseEvent e = inTime(this::read);
        begun = true;
        failed = 0;
        if (e != null) {
          return e;
        }
      } catch (IOException | IllegalArgumentException | UnavailableException e) {
        UnavailableException broken =
            e instanceof UnavailableException u ? u : new UnavailableException("the stream failed: " + e, null, e);
        reconnect(broken, Duration.ZERO);
      } catch (RefusedException e) {
        open.abandon();
        if (Tokens.refusedBy(e.problem().map(Problem::status).orElse(0)) && cfg.tokens.changed(token)) {
          continue;
        }
        if (!begun || e.problem().map(Problem::status).orElse(0) != TOO_MANY_REQUESTS) {
          throw e;
        }
        // A node refuses to continue the watch because of a limit.
        reconnect(new UnavailableException(e.getMessage(), null, e), e.problem().map(Problem::retryAfter).orElse(Duration.ZERO));
      } catch (InterruptedException e) {
        stream = null; // it was abandoned
        throw e;
      }
    }
    return null;
  }

  private void connect() throws IOException, InterruptedException {
    String query = "?" + parameter + "=" + URLEncoder.encode(value, StandardCharsets.UTF_8) + (after > 0 ? "&after=" + after : "");
    String path = "/v1/watch" + (value.isEmpty() && after == 0 ? "" : query);
    Address address = cfg.addresses.get(to % cfg.addresses.size());
    token = cfg.tokens.current();
    Map<String, String> headers = cfg.headersFor(token, "text/event-stream", false);
    Transport.Request request =
        new Transport.Request(address, "GET", path, headers, null, cfg.attemptTimeout(Config.DEFAULT_TTL), true);
    InFlight mine = new InFlight();
    open = mine;
    silent++;
    Transport.Reply answer = inTime(() -> cfg.transport.send(request, mine));
    silent = 0;
    cfg.reachability.answered(cfg.clock.now());
    if (answer.status() != 200) {
      String body = Tokens.masked(new String(inTime(answer::readAll), StandardCharsets.UTF_8), token);
      LockdException error = LockdException.of(Problem.of(answer.status(), answer.retryAfter(), body));
      throw error instanceof OutcomeUnknownException ? new UnavailableException(error.getMessage(), null, error) : error;
    }
    stream = new EventStream(new BufferedInputStream(answer.body()));
  }

  /** Reads. Throws if that takes too long, or if the watch is closed or the thread is interrupted. */
  private <T> T inTime(Callable<T> reading) throws IOException, InterruptedException {
    if (closed) {
      open.abandon();
    }
    return cfg.workers.run(open, MAX_SILENCE, reading);
  }

  /** Reads one message. Returns null if it is not an event for the caller. */
  private LeaseEvent read() throws IOException {
    EventStream.Message m = stream.next();
    return m == null ? null : eventOf(m);
  }

  private LeaseEvent eventOf(EventStream.Message m) {
    LeaseEvent e = Validate.event(m.event(), m.id(), Json.parse(m.data().isEmpty() ? "{}" : m.data()));
    if (e.type().equals("gone")) {
      Problem p = Problem.of(410, "", m.data());
      throw new GoneException("revision " + after + " is no longer in the history; the oldest revision is " + p.oldest(), p, null);
    }
    if (!e.type().equals("state")) {
      after = Math.max(after, e.revision());
    }
    return e.type().equals("mark") || e.type().isEmpty() ? null : e;
  }

  private void reconnect(UnavailableException e, Duration least) throws InterruptedException {
    open.abandon();
    stream = null;
    if (closed) {
      return; // by another thread, which is the cause of the failure
    }
    to++;
    failed++;
    if (silent >= cfg.addresses.size()) {
      cfg.reachability.silent(e);
    }
    int rounds = failed / cfg.addresses.size();
    if (!begun && rounds > 0 && start.until(cfg.clock.now()).compareTo(cfg.retryFor) >= 0) {
      throw e;
    }
    Duration pause = Retry.jitter(Config.min(Retry.MIN_PAUSE.multipliedBy(1L << Math.min(rounds, 5)), Retry.MAX_PAUSE));
    Interrupts.END.sleep(pause.compareTo(least) < 0 ? least : pause);
  }

  @Override
  public void close() {
    closed = true;
    open.abandon();
  }
}
