package io.lockd.client;

import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.channels.UnresolvedAddressException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;

/** One request, to whichever node answers. */
final class Rounds {
  static final Duration MIN_PAUSE = Duration.ofMillis(50);
  static final Duration MAX_PAUSE = Duration.ofSeconds(1);

  private Rounds() {}

  /** What is sent at an attempt. */
  record Sending(Map<String, Object> body, Duration timeout) {}

  /** Prepares an attempt that begins so long after the call. */
  interface Prepare {
    Sending at(Duration elapsed);
  }

  /**
   * A call.
   *
   * @param read makes what is returned of the JSON of a 2xx; what it refuses is no answer
   * @param repeatable sent twice it does what it does once
   * @param budget the call ends after so long, whatever came; null: it has its time
   */
  record Call<T>(
      String method, String path, Prepare prepare, Function<Json, T> read, boolean repeatable, Duration budget, Heard heard) {
    static <T> Call<T> get(Config cfg, String path, Function<Json, T> read) {
      Prepare prepare = e -> new Sending(null, cfg.attemptTimeout(Config.DEFAULT_TTL));
      return new Call<>("GET", path, prepare, read, true, null, new Heard());
    }

    static <T> Call<T> post(String path, Map<String, Object> body, Duration timeout, Function<Json, T> read) {
      return new Call<>("POST", path, e -> new Sending(body, timeout), read, true, null, new Heard());
    }

    Call<T> within(Duration limit) {
      return new Call<>(method, path, prepare, read, repeatable, limit, heard);
    }
  }

  /** An answer that stands, as it was read, and when its request was sent. */
  record Answer<T>(T value, Moment sent) {}

  /** What attempts came to while none had an answer that stands. */
  static final class Heard {
    private LockdException unknown; // one of them may have been applied
    private LockdException answer; // the last that said that it was not

    private void take(LockdException e) {
      if (e instanceof OutcomeUnknownException) {
        unknown = e;
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

  static String lease(String name, String verb) {
    String path = "/v1/leases/" + URLEncoder.encode(name, StandardCharsets.UTF_8).replace("+", "%20");
    return verb.isEmpty() ? path : path + "/" + verb;
  }

  /** Between half of d and d. */
  static Duration jitter(Duration d) {
    return Duration.ofNanos((long) (d.toNanos() * ThreadLocalRandom.current().nextDouble(0.5, 1)));
  }

  static Duration longer(Duration pause) {
    return Config.min(pause.multipliedBy(2), MAX_PAUSE);
  }

  static void sleep(Duration d) throws InterruptedException {
    Thread.sleep(d.toMillis(), d.toNanosPart() % 1_000_000);
  }

  /** What an attempt came to: a value, or an error and whether anything was sent. */
  private record Outcome<T>(T value, LockdException error, boolean sent) {}

  /**
   * Goes round the addresses until one gives an answer that stands. What certainly was not
   * applied goes to the next address; what is unknown only where a repeat is harmless. Once
   * an outcome was unknown it stays so until an answer stands.
   */
  static <T> Answer<T> send(Config cfg, Call<T> call) throws InterruptedException {
    Moment start = cfg.clock.now();
    int first = cfg.last;
    int count = cfg.addresses.size();
    for (Duration pause = MIN_PAUSE; ; pause = longer(pause)) {
      int refused = 0;
      Duration wait = Duration.ZERO;
      LockdException error = null;
      for (int n = 0; n < count; n++) {
        int to = (first + n) % count;
        Moment sent = cfg.clock.now();
        Outcome<T> outcome = attempt(cfg, call, to, start.until(sent));
        error = outcome.error;
        if (error == null) {
          cfg.last = to;
          call.heard.forget();
          return new Answer<>(outcome.value, sent);
        }
        if (!(error instanceof UnavailableException || error instanceof OutcomeUnknownException)) {
          cfg.last = to;
          call.heard.forget();
          throw error;
        }
        refused += outcome.sent ? 0 : 1;
        call.heard.take(error);
        if (call.heard.unknown != null && !call.repeatable) {
          throw call.heard.failure(error);
        }
        wait = Config.max(wait, error.problem().filter(p -> p.type().equals("overloaded")).map(Problem::retryAfter).orElse(Duration.ZERO));
      }
      if (refused == count) {
        call.heard.answer = null; // nobody is there any more
      }
      if (refused == count || start.until(cfg.clock.now()).compareTo(cfg.retryFor) >= 0) {
        throw call.heard.failure(error);
      }
      sleep(Config.max(wait, jitter(pause)));
    }
  }

  private static <T> Outcome<T> attempt(Config cfg, Call<T> call, int to, Duration elapsed) throws InterruptedException {
    Sending sending = call.prepare.at(elapsed);
    Duration timeout = sending.timeout;
    if (call.budget != null) {
      timeout = Config.min(timeout, call.budget.minus(elapsed));
      if (timeout.isZero() || timeout.isNegative()) {
        throw call.heard.failure(new UnavailableException("no node answered in time", null, null));
      }
    }
    HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(cfg.addresses.get(to) + call.path)).timeout(timeout).header("Accept", "application/json");
    if (sending.body == null) {
      request.GET();
    } else {
      request.header("Content-Type", "application/json").POST(HttpRequest.BodyPublishers.ofString(Json.of(sending.body).toString()));
    }
    try {
      return read(call, exchange(cfg, request.build(), timeout));
    } catch (IOException | IllegalArgumentException e) {
      return broken(call, e);
    }
  }

  /** Sends it. The timeout of a request ends with the headers of its answer; this one with the body. */
  private static HttpResponse<String> exchange(Config cfg, HttpRequest request, Duration timeout) throws IOException, InterruptedException {
    CompletableFuture<HttpResponse<String>> answer = cfg.http.sendAsync(request, HttpResponse.BodyHandlers.ofString());
    try {
      return answer.get(timeout.plus(MIN_PAUSE).toNanos(), TimeUnit.NANOSECONDS); // the client tells better what timed out
    } catch (TimeoutException e) {
      throw new HttpTimeoutException("the answer did not end in time");
    } catch (ExecutionException e) {
      throw e.getCause() instanceof IOException cause ? cause : new IOException(e.getCause());
    } finally {
      answer.cancel(true);
    }
  }

  private static <T> Outcome<T> read(Call<T> call, HttpResponse<String> answer) {
    if (answer.statusCode() / 100 == 2) {
      return new Outcome<>(call.read.apply(Json.parse(answer.body())), null, true);
    }
    LockdException error = LockdException.of(
        Problem.of(answer.statusCode(), answer.headers().firstValue("Retry-After").orElse(""), answer.body()));
    if (call.method.equals("GET") && error instanceof OutcomeUnknownException) {
      error = new UnavailableException(error.getMessage(), error.problem().orElse(null), null);
    }
    return new Outcome<>(null, error, true);
  }

  private static <T> Outcome<T> broken(Call<T> call, Exception e) {
    boolean sent = !(e instanceof ConnectException || e instanceof HttpConnectTimeoutException || e.getCause() instanceof UnresolvedAddressException);
    if (!sent || call.method.equals("GET")) {
      return new Outcome<>(null, new UnavailableException("no answer: " + e, null, e), sent);
    }
    return new Outcome<>(null, new OutcomeUnknownException("outcome unknown: " + e, null, e), true);
  }
}
