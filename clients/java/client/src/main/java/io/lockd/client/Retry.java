package io.lockd.client;

import java.io.IOException;
import java.net.http.HttpTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Function;

/** One request, to whichever node answers. */
final class Retry {
  static final Duration MIN_PAUSE = Duration.ofMillis(50);
  static final Duration MAX_PAUSE = Duration.ofSeconds(1);

  private Retry() {}

  /** What is sent at an attempt, and its time in addition to the wait that it asks for. */
  record Sending(Map<String, Object> body, Duration timeout, Duration waits) {}

  /** Prepares an attempt that begins so long after the call. */
  interface Prepare {
    Sending at(Duration elapsed);
  }

  /**
   * A call. Sent twice it does what it does once.
   *
   * @param read makes what is returned of the JSON of a 2xx; what it refuses is no answer
   * @param budget the call ends after so long, whatever came; null: it has its time
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

  /** An answer that stands, as it was read, and when its request was sent. */
  record Result<T>(T value, Clock.Reading sent) {}

  /** What attempts came to while none had an answer that stands. */
  static final class AttemptErrors {
    private LockdException unknown; // one of them may have been applied
    private LockdException answer; // the last that said that it was not
    private boolean mayBeApplied;

    /** Whether a request may have been applied, or may arrive later, that no answer is known of. */
    boolean mayBeApplied() {
      return mayBeApplied;
    }

    private void take(LockdException e) {
      if (e instanceof OutcomeUnknownException) {
        unknown = e;
        mayBeApplied = true;
      } else if (e.problem().isPresent()) {
        answer = e;
      }
    }

    private LockdException failure(LockdException e) {
      if (unknown != null && answer != null) {
        String text = unknown.getMessage() + "; the last answer was: " + answer.getMessage();
        return new OutcomeUnknownException(text, unknown.problem().orElse(null), unknown);
      }
      return unknown != null ? unknown : answer != null ? answer : e;
    }

    private void forget() {
      unknown = null;
      answer = null;
    }
  }

  /** Between half of d and d. */
  static Duration jitter(Duration d) {
    return Duration.ofNanos((long) (d.toNanos() * ThreadLocalRandom.current().nextDouble(0.5, 1)));
  }

  static Duration longer(Duration pause) {
    return Config.min(pause.multipliedBy(2), MAX_PAUSE);
  }

  /** What an attempt came to: a value or an error, whether anything was sent, and whether there was a node. */
  private record Outcome<T>(T value, LockdException error, boolean sent, boolean answered) {}

  /**
   * Goes round the addresses until one gives an answer that stands. Once an outcome was unknown
   * it stays so until an answer stands.
   */
  static <T> Result<T> send(Config cfg, Call<T> call) throws InterruptedException {
    Clock.Reading start = cfg.clock.now();
    int first = cfg.last;
    int count = cfg.addresses.size();
    for (Duration pause = MIN_PAUSE; ; pause = longer(pause)) {
      int refused = 0;
      boolean answered = false;
      Duration wait = Duration.ZERO;
      LockdException error = null;
      for (int n = 0; n < count; n++) {
        int to = (first + n) % count;
        Clock.Reading sent = cfg.clock.now();
        Outcome<T> outcome = attempt(cfg, call, to, start.until(sent));
        error = outcome.error;
        if (outcome.answered) {
          answered = true;
          cfg.reachability.answered(cfg.clock.now());
        }
        if (error == null) {
          cfg.last = to;
          call.attemptErrors.forget();
          return new Result<>(outcome.value, sent);
        }
        if (!(error instanceof UnavailableException || error instanceof OutcomeUnknownException)) {
          cfg.last = to;
          call.attemptErrors.forget();
          throw error;
        }
        refused += outcome.sent ? 0 : 1;
        call.attemptErrors.take(error);
        wait = Config.max(wait, error.problem().filter(p -> p.type().equals("overloaded")).map(Problem::retryAfter).orElse(Duration.ZERO));
      }
      if (refused == count) {
        call.attemptErrors.answer = null; // nobody is there any more
      }
      if (!answered) {
        cfg.reachability.silent(error);
      }
      Clock.Reading now = cfg.clock.now();
      Duration most = call.budget == null ? cfg.retryFor : Config.min(cfg.retryFor, call.budget);
      Duration left = most.minus(start.until(now));
      boolean unreachable = cfg.reachability.silence(start, now).compareTo(cfg.unreachableTimeout) >= 0;
      if (refused == count || left.isZero() || left.isNegative() || unreachable) {
        throw call.attemptErrors.failure(error);
      }
      call.interrupts.sleep(Config.max(Config.min(wait, left), jitter(pause)));
    }
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
    Transport.Request request = new Transport.Request(
        address, call.method, call.path, cfg.headersFor(address, "application/json", body != null), body, timeout, false);
    InFlight inFlight = new InFlight();
    Clock.Reading begun = cfg.clock.now();
    Said said;
    try {
      said = cfg.workers.run(inFlight, timeout.plus(sending.waits), call.interrupts, () -> {
        Transport.Reply reply = cfg.transport.send(request, inFlight);
        return new Said(reply.status(), reply.retryAfter(), new String(reply.readAll(), StandardCharsets.UTF_8));
      });
    } catch (IOException e) {
      boolean sent = inFlight.sent() && !(e instanceof NotSentException);
      // A load balancer cuts a long wait like that, so it was reachable.
      boolean cut = sent && !(e instanceof HttpTimeoutException) && begun.until(cfg.clock.now()).compareTo(cfg.unreachableTimeout) >= 0;
      return new Outcome<>(null, broken(call.method, sent, e), sent, cut);
    } catch (InterruptedException | RuntimeException | Error e) {
      call.attemptErrors.mayBeApplied |= inFlight.sent();
      throw e;
    }
    try {
      return read(call, said);
    } catch (IllegalArgumentException e) {
      return new Outcome<>(null, broken(call.method, true, e), true, true);
    }
  }

  /** An answer that was read whole. */
  private record Said(int status, String retryAfter, String body) {}

  private static <T> Outcome<T> read(Call<T> call, Said answer) {
    if (answer.status / 100 == 2) {
      return new Outcome<>(call.read.apply(Json.parse(answer.body)), null, true, true);
    }
    LockdException error = LockdException.of(Problem.of(answer.status, answer.retryAfter, answer.body));
    if (call.method.equals("GET") && error instanceof OutcomeUnknownException) {
      error = new UnavailableException(error.getMessage(), error.problem().orElse(null), null);
    }
    return new Outcome<>(null, error, true, true);
  }

  private static LockdException broken(String method, boolean sent, Exception e) {
    String text = e instanceof NotSentException ? e.getMessage() : e.toString();
    return !sent || method.equals("GET")
        ? new UnavailableException("no answer: " + text, null, e)
        : new OutcomeUnknownException("outcome unknown: " + text, null, e);
  }
}
