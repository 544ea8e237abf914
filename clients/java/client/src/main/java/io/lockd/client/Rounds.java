package io.lockd.client;

import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.channels.UnresolvedAddressException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;

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
   * @param repeatable sent twice it does what it does once
   * @param budget the call ends after so long, whatever came; null: it has its time
   */
  record Call(String method, String path, Prepare prepare, boolean repeatable, Duration budget, Heard heard) {
    static Call get(Config cfg, String path) {
      return new Call("GET", path, e -> new Sending(null, cfg.attemptTimeout(Config.DEFAULT_TTL)), true, null, new Heard());
    }

    static Call post(String path, Map<String, Object> body, Duration timeout) {
      return new Call("POST", path, e -> new Sending(body, timeout), true, null, new Heard());
    }

    Call within(Duration limit) {
      return new Call(method, path, prepare, repeatable, limit, heard);
    }
  }

  /** An answer that stands, and when its request was sent. */
  record Answer(Json json, Moment sent) {}

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

  /** An attempt that has no answer that stands. */
  private record Failed(LockdException error, boolean sent) {}

  /**
   * Goes round the addresses until one gives an answer that stands. What certainly was not
   * applied goes to the next address; what is unknown only where a repeat is harmless. Once
   * an outcome was unknown it stays so until an answer stands.
   */
  static Answer send(Config cfg, Call call) throws InterruptedException {
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
        Object outcome = attempt(cfg, call, to, start.until(sent));
        if (outcome instanceof Json json) {
          cfg.last = to;
          call.heard.forget();
          return new Answer(json, sent);
        }
        Failed failed = (Failed) outcome;
        error = failed.error;
        if (!(error instanceof UnavailableException || error instanceof OutcomeUnknownException)) {
          cfg.last = to;
          call.heard.forget();
          throw error;
        }
        refused += failed.sent ? 0 : 1;
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

  /** Returns the Json of a 2xx, or what else it Failed with. */
  private static Object attempt(Config cfg, Call call, int to, Duration elapsed) throws InterruptedException {
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
      return read(call, cfg.http.send(request.build(), HttpResponse.BodyHandlers.ofString()));
    } catch (IOException | IllegalArgumentException e) {
      return broken(call, e);
    }
  }

  private static Object read(Call call, HttpResponse<String> answer) {
    if (answer.statusCode() / 100 == 2) {
      return Json.parse(answer.body());
    }
    LockdException error = LockdException.of(
        Problem.of(answer.statusCode(), answer.headers().firstValue("Retry-After").orElse(""), answer.body()));
    if (call.method.equals("GET") && error instanceof OutcomeUnknownException) {
      error = new UnavailableException(error.getMessage(), error.problem().orElse(null), null);
    }
    return new Failed(error, true);
  }

  private static Failed broken(Call call, Exception e) {
    boolean sent = !(e instanceof ConnectException || e instanceof HttpConnectTimeoutException || e.getCause() instanceof UnresolvedAddressException);
    if (!sent || call.method.equals("GET")) {
      return new Failed(new UnavailableException("no answer: " + e, null, e), sent);
    }
    return new Failed(new OutcomeUnknownException("outcome unknown: " + e, null, e), true);
  }
}
