package io.lockd.client;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.Callable;

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
  private final Clock.Reading start;
  private long after;
  private int to;
  private int failed;
  private boolean begun;
  private int silent; // attempts since a node last answered
  private int size; // bytes of the message that is being read
  private InputStream stream; // null if there is no connection
  private volatile InFlight open = new InFlight();
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
      } catch (IOException | IllegalArgumentException | UnavailableException e) {
        broken(e instanceof UnavailableException u ? u : new UnavailableException("the stream broke: " + e, null, e));
      } catch (InterruptedException e) {
        stream = null; // it was given up
        throw e;
      }
    }
    return null;
  }

  private void connect() throws IOException, InterruptedException {
    String query = "?" + what + "=" + URLEncoder.encode(of, StandardCharsets.UTF_8) + (after > 0 ? "&after=" + after : "");
    String path = "/v1/watch" + (of.isEmpty() && after == 0 ? "" : query);
    Address address = cfg.addresses.get(to % cfg.addresses.size());
    Map<String, String> headers = cfg.headersFor(address, "text/event-stream", false);
    Transport.Request request =
        new Transport.Request(address, "GET", path, headers, null, cfg.attemptTimeout(Config.DEFAULT_TTL), true);
    InFlight mine = new InFlight();
    open = mine;
    silent++;
    Transport.Reply answer = inTime(() -> cfg.transport.send(request, mine));
    silent = 0;
    cfg.reachability.answered(cfg.clock.now());
    if (answer.status() != 200) {
      String body = new String(inTime(answer::readAll), StandardCharsets.UTF_8);
      LockdException error = LockdException.of(Problem.of(answer.status(), answer.retryAfter(), body));
      throw error instanceof OutcomeUnknownException ? new UnavailableException(error.getMessage(), null, error) : error;
    }
    stream = new BufferedInputStream(answer.body());
  }

  /** Reads, unless that takes too long, or this is closed or interrupted. */
  private <T> T inTime(Callable<T> reading) throws IOException, InterruptedException {
    if (closed) {
      open.giveUp();
    }
    return cfg.workers.run(open, MAX_SILENCE, reading);
  }

  /** Reads one message; null where it is nothing to tell. */
  private LeaseEvent read() throws IOException {
    String id = "";
    String event = "";
    StringBuilder data = new StringBuilder();
    size = 0;
    while (true) {
      String line = line();
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

  /** Reads a line of a message that has a bound. */
  private String line() throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    for (int c = stream.read(); c != '\n'; c = stream.read()) {
      if (c < 0) {
        throw new IOException("the stream ended");
      }
      if (++size > Transport.MAX_ANSWER) {
        throw new IOException("a message of the stream is longer than " + Transport.MAX_ANSWER + " bytes");
      }
      line.write(c);
    }
    String text = line.toString(StandardCharsets.UTF_8);
    return text.endsWith("\r") ? text.substring(0, text.length() - 1) : text;
  }

  private LeaseEvent tell(String type, String id, String data) {
    Json raw = Json.parse(data.isEmpty() ? "{}" : data);
    LeaseEvent e = Validate.event(type, id, raw);
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
    open.giveUp();
    stream = null;
    if (closed) {
      return; // by another thread, whatever broke because of it
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
    Interrupts.END.sleep(Retry.jitter(Config.min(Retry.MIN_PAUSE.multipliedBy(1L << Math.min(rounds, 5)), Retry.MAX_PAUSE)));
  }

  @Override
  public void close() {
    closed = true;
    open.giveUp();
  }
}
