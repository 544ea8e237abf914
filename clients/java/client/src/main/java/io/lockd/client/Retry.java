package io.lockd.client;

import java.io.IOException;
import java.net.http.HttpTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Function;

/** Sends one request, repeated at the addresses until a node gives a final answer. */
final class Retry {
  static final Duration MIN_PAUSE = Duration.ofMillis(50);
  static final Duration MAX_PAUSE = Duration.ofSeconds(1);

  private Retry() {}

  /** What an attempt sends. The timeout is in addition to the wait that the request asks for. */
  record Sending(Map<String, Object> body, Duration timeout, Duration waits) {}

  /** Returns what an attempt sends that begins so long after the call. */
  interface Prepare {
    Sending at(Duration elapsed);
  }

  /**
   * An idempotent call.
   *
   * @param read reads the JSON of a 2xx; it throws IllegalArgumentException for another form
   * @param budget limits the whole call; null: no limit
   */
  record Call<T>(
      String method, String path, Prepare prepare, Function<Json, T> read, Duration budget, AttemptErrors attemptErrors, Interrupts interrupts) {
    static <T> Call<T> get(Config cfg, String path, Function<Json, T> read) {
      Prepare prepare = e -> new Sending(null, cfg.attemptTimeout(Config.DEFAULT_TTL), Duration.ZERO);
      return new Call<>("GET", path, prepare, read, null, new AttemptErrors(), Interrupts.END);
    }

    static <T> Call<T> post(String path, Map<String, Object> body, Duration timeout, Function<Json, T> read) {
      return new Call<>("POST", path, e -> new Sending(body, timeout, Duration.ZERO), read, null, new AttemptErrors(), Interrupts.END);
    }

    Call<T> within(Duration limit) {
      return new Call<>(method, path, prepare, read, limit, attemptErrors, interrupts);
    }

    Call<T> recording(AttemptErrors errors, Interrupts how) {
      return new Call<>(method, path, prepare, read, budget, errors, how);
    }
  }

  /** A final answer, and when its request was sent. */
  record Result<T>(T value, Clock.Reading sent) {}

  /** The errors of the attempts of a call that has no final answer yet. */
  static final class AttemptErrors {
    private LockdException unknown; // an attempt may have been applied
    private LockdException refusal; // the last answer that the request was not applied
    private boolean mayBeApplied;

    /** Reports whether an attempt without a known answer may have been applied, or may be applied later. */
    boolean mayBeApplied() {
      return mayBeApplied;
    }

    private void record(LockdException e) {
      if (e instanceof OutcomeUnknownException) {
        unknown = e;
        mayBeApplied = true;
      } else if (e.problem().isPresent()) {
        refusal = e;
      }
    }

    private LockdException failure(LockdException e) {
      if (unknown != null && refusal != null) {
        String text = unknown.getMessage() + "; the last answer was: " + refusal.getMessage();
        return new OutcomeUnknownException(text, unknown.problem().orElse(null), unknown);
      }
      return unknown != null ? unknown : refusal != null ? refusal : e;
    }

    private void clear() {
      unknown = null;
      refusal = null;
    }
  }

  /** Returns a random duration from half of d to d. */
  static Duration jitter(Duration d) {
    return Duration.ofNanos((long) (d.toNanos() * ThreadLocalRandom.current().nextDouble(0.5, 1)));
  }

  static Duration longer(Duration pause) {
    return Config.min(pause.multipliedBy(2), MAX_PAUSE);
  }

  /** The outcome of an attempt: a value or an error, whether it was sent, and whether a node answered. */
  private record Outcome<T>(T value, LockdException error, boolean sent, boolean answered) {}

  /**
   * Tries the addresses until one gives a final answer. A request that was certainly not applied or has an unknown
   * outcome is sent to the next address. Once an outcome is unknown, it stays unknown until there is a final answer.
   */
  static <T> Result<T> send(Config cfg, Call<T> call) throws InterruptedException {
    Clock.Reading start = cfg.clock.now();
    int count = cfg.addresses.size();
    for (Duration pause = MIN_PAUSE; ; pause = longer(pause)) {
      int notSent = 0;
      boolean answered = false;
      Duration wait = Duration.ZERO;
      LockdException error = null;
      for (int to : cfg.route.order(forwarded(call), cfg.clock.now())) {
        Clock.Reading sent = cfg.clock.now();
        Outcome<T> outcome = attempt(cfg, call, to, start.until(sent));
        error = outcome.error;
        if (outcome.answered) {
          answered = true;
          cfg.reachability.answered(cfg.clock.now());
        } else {
          cfg.route.silent(to, cfg.clock.now());
        }
        if (error == null) {
          cfg.route.finalAnswer(to);
          call.attemptErrors.clear();
          return new Result<>(outcome.value, sent);
        }
        if (!(error instanceof UnavailableException || error instanceof OutcomeUnknownException)) {
          cfg.route.finalAnswer(to);
          call.attemptErrors.clear();
          throw error;
        }
        notSent += outcome.sent ? 0 : 1;
        call.attemptErrors.record(error);
        wait = Config.max(wait, error.problem().filter(p -> p.type().equals("overloaded")).map(Problem::retryAfter).orElse(Duration.ZERO));
      }
      if (notSent == count) {
        call.attemptErrors.refusal = null; // the node that answered is gone
      }
      if (!answered) {
        cfg.reachability.silent(error);
      }
      Clock.Reading now = cfg.clock.now();
      Duration most = call.budget == null ? cfg.retryFor : Config.min(cfg.retryFor, call.budget);
      Duration left = most.minus(start.until(now));
      boolean unreachable = cfg.reachability.silence(start, now).compareTo(cfg.unreachableTimeout) >= 0;
      if (notSent == count || left.isZero() || left.isNegative() || unreachable) {
        throw call.attemptErrors.failure(error);
      }
      call.interrupts.sleep(Config.max(Config.min(wait, left), jitter(pause)));
    }
  }

  /**
   * Returns whether a follower would forward the call to the leader. A call that waits is excluded: waits keep their
   * connections, and those shall not all be at one node.
   */
  private static <T> boolean forwarded(Call<T> call) {
    return !call.path.contains("stale=true") && call.prepare.at(Duration.ZERO).waits.isZero();
  }

  private static <T> Outcome<T> attempt(Config cfg, Call<T> call, int to, Duration elapsed) throws InterruptedException {
    Sending sending = call.prepare.at(elapsed);
    Duration timeout = sending.timeout;
    if (call.budget != null) {
      timeout = Config.min(timeout, call.budget.minus(elapsed));
      if (timeout.isZero() || timeout.isNegative()) {
        throw call.attemptErrors.failure(new UnavailableException("no node answered in time", null, null));
      }
    }
    Address address = cfg.addresses.get(to);
    byte[] body = sending.body == null ? null : Json.of(sending.body).toString().getBytes(StandardCharsets.UTF_8);
    Duration limit = timeout;
    InFlight inFlight = new InFlight();
    Exchange exchange = token -> {
      Map<String, String> headers = cfg.headersFor(token, "application/json", body != null);
      Transport.Reply reply = cfg.transport.send(new Transport.Request(address, call.method, call.path, headers, body, limit, false), inFlight);
      cfg.route.answered(to, reply.node(), reply.leader());
      return new Response(reply.status(), reply.retryAfter(), Tokens.masked(new String(reply.readAll(), StandardCharsets.UTF_8), token));
    };
    Clock.Reading begun = cfg.clock.now();
    Response response;
    try {
      response = cfg.workers.run(inFlight, timeout.plus(sending.waits), call.interrupts, () -> {
        String token = cfg.tokens.current();
        Response first = exchange.with(token);
        return Tokens.refusedBy(first.status) && cfg.tokens.changed(token) ? exchange.with(cfg.tokens.current()) : first;
      });
    } catch (IOException e) {
      boolean sent = inFlight.sent() && !(e instanceof NotSentException);
      // A load balancer cuts a long wait like this, so the address was reachable.
      boolean cut = sent && !(e instanceof HttpTimeoutException) && begun.until(cfg.clock.now()).compareTo(cfg.unreachableTimeout) >= 0;
      return new Outcome<>(null, failedAttempt(call.method, sent, e), sent, cut);
    } catch (InterruptedException | RuntimeException | Error e) {
      call.attemptErrors.mayBeApplied |= inFlight.sent();
      throw e;
    }
    try {
      return read(call, response);
    } catch (IllegalArgumentException e) {
      return new Outcome<>(null, failedAttempt(call.method, true, e), true, true);
    }
  }

  /** Sends a request with a token; null: without one. */
  private interface Exchange {
    Response with(String token) throws IOException, InterruptedException;
  }

  /** A response that was read to its end. */
  private record Response(int status, String retryAfter, String body) {}

  private static <T> Outcome<T> read(Call<T> call, Response answer) {
    if (answer.status / 100 == 2) {
      return new Outcome<>(call.read.apply(Json.parse(answer.body)), null, true, true);
    }
    LockdException error = LockdException.of(Problem.of(answer.status, answer.retryAfter, answer.body));
    if (call.method.equals("GET") && error instanceof OutcomeUnknownException) {
      error = new UnavailableException(error.getMessage(), error.problem().orElse(null), null);
    }
    return new Outcome<>(null, error, true, true);
  }

  /** Returns the exception of an attempt without an answer. */
  private static LockdException failedAttempt(String method, boolean sent, Exception e) {
    String text = e instanceof NotSentException ? e.getMessage() : e.toString();
    return !sent || method.equals("GET")
        ? new UnavailableException("no answer: " + text, null, e)
        : new OutcomeUnknownException("outcome unknown: " + text, null, e);
  }
}
