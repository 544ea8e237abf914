package io.lockd.client;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;

/**
 * The changes of leases in the order of their revisions, without a hole, over however many
 * connections. The states of a beginning that broke off are told again: they are no point to
 * resume from. For one thread; {@link #close} may be called by another.
 */
public final class Watch implements AutoCloseable {
  private static final Duration MAX_SILENCE = Duration.ofSeconds(30); // a node says something every 10 s

  private final Config cfg;
  private final String what;
  private final String of;
  private final Moment start;
  private final ScheduledExecutorService alarm = Executors.newSingleThreadScheduledExecutor(r -> {
    Thread t = new Thread(r, "lockd-watch");
    t.setDaemon(true);
    return t;
  });
  private long after;
  private int to;
  private int failed;
  private boolean begun;
  private BufferedReader stream; // null where there is no connection
  private volatile InputStream open;
  private volatile boolean closed;

  Watch(Config cfg, String what, String of, long after) {
    this.cfg = cfg;
    this.what = what;
    this.of = of;
    this.after = after;
    this.to = cfg.last;
    this.start = cfg.clock.now();
  }

  /**
   * Waits for the next change, and returns null once it is closed.
   *
   * @throws GoneException where the point of resumption is no longer in the history
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
      } catch (IOException | IllegalArgumentException | UnavailableException | RejectedExecutionException e) {
        broken(e instanceof UnavailableException u ? u : new UnavailableException("the stream broke: " + e, null, e));
      }
    }
    return null;
  }

  private void connect() throws IOException, InterruptedException {
    String query = "?" + what + "=" + URLEncoder.encode(of, StandardCharsets.UTF_8) + (after > 0 ? "&after=" + after : "");
    URI at = URI.create(cfg.addresses.get(to % cfg.addresses.size()) + "/v1/watch" + (of.isEmpty() && after == 0 ? "" : query));
    HttpRequest request = HttpRequest.newBuilder(at).header("Accept", "text/event-stream").timeout(MAX_SILENCE).build();
    HttpResponse<InputStream> answer = cfg.http.send(request, HttpResponse.BodyHandlers.ofInputStream());
    open = answer.body();
    if (answer.statusCode() != 200) {
      String body = inTime(() -> new String(open.readAllBytes(), StandardCharsets.UTF_8));
      LockdException error = LockdException.of(Problem.of(answer.statusCode(), answer.headers().firstValue("Retry-After").orElse(""), body));
      throw error instanceof OutcomeUnknownException ? new UnavailableException(error.getMessage(), null, error) : error;
    }
    stream = new BufferedReader(new InputStreamReader(open, StandardCharsets.UTF_8));
  }

  /** Something that waits for a node. */
  private interface Reading<T> {
    T get() throws IOException;
  }

  /** Reads, and closes what is open where that takes too long. */
  private <T> T inTime(Reading<T> reading) throws IOException {
    InputStream mine = open;
    ScheduledFuture<?> silence = alarm.schedule(() -> quietly(mine), MAX_SILENCE.toMillis(), TimeUnit.MILLISECONDS);
    try {
      return reading.get();
    } finally {
      silence.cancel(false);
    }
  }

  /** Reads one message; null where it is nothing to tell. */
  private LeaseEvent read() throws IOException {
    String id = "";
    String event = "";
    StringBuilder data = new StringBuilder();
    while (true) {
      String line = stream.readLine();
      if (line == null) {
        throw new IOException("the stream ended");
      }
      if (line.startsWith(":")) {
        return null; // a sign of life
      }
      if (line.isEmpty()) {
        return event.isEmpty() && data.isEmpty() ? null : tell(event, id, data.toString());
      }
      int colon = line.indexOf(':');
      String name = colon < 0 ? line : line.substring(0, colon);
      String value = colon < 0 ? "" : line.substring(line.startsWith(" ", colon + 1) ? colon + 2 : colon + 1);
      switch (name) {
        case "id" -> id = value;
        case "event" -> event = value;
        case "data" -> data.append(data.isEmpty() ? "" : "\n").append(value);
        default -> { }
      }
    }
  }

  private LeaseEvent tell(String type, String id, String data) {
    Json raw = Json.parse(data.isEmpty() ? "{}" : data);
    LeaseEvent e = LeaseEvent.of(type, id, raw);
    if (e.type().equals("gone")) {
      Problem p = Problem.of(410, "", data);
      throw new GoneException("the history is gone: the oldest revision is " + p.oldest(), p, null);
    }
    if (!e.type().equals("state")) {
      after = Math.max(after, e.revision());
    }
    return e.type().equals("mark") || e.type().isEmpty() ? null : e;
  }

  private void broken(UnavailableException e) throws InterruptedException {
    quietly(open);
    stream = null;
    if (closed) {
      return; // by another thread, whatever broke because of it
    }
    to++;
    failed++;
    int rounds = failed / cfg.addresses.size();
    if (!begun && rounds > 0 && start.until(cfg.clock.now()).compareTo(cfg.retryFor) >= 0) {
      throw e;
    }
    Rounds.sleep(Rounds.jitter(Config.min(Rounds.MIN_PAUSE.multipliedBy(1L << Math.min(rounds, 5)), Rounds.MAX_PAUSE)));
  }

  private static void quietly(InputStream in) {
    try {
      if (in != null) {
        in.close();
      }
    } catch (IOException e) {
      // it is closed
    }
  }

  @Override
  public void close() {
    closed = true;
    alarm.shutdownNow();
    quietly(open);
  }
}
