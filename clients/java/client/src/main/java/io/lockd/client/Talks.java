package io.lockd.client;

import io.lockd.client.Hold.Grant;
import io.lockd.client.Rounds.Answer;
import io.lockd.client.Rounds.Call;
import io.lockd.client.Rounds.Heard;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;

/** What is said to a cluster about leases. */
final class Talks {
  private static final int MAX_TOGETHER = 256; // leases that one renewal may name
  private static final Duration LEAVE_TIMEOUT = Duration.ofSeconds(1);
  private static final Set<String> WORTH_WAITING = Set.of("held", "delayed", "queue-full", "too-many-leases", "state-full", "rate-limited");

  private final Config cfg;

  // Holds that were given back without a word of what came of it. A copy of that request may
  // yet arrive: it is repeated until it is certain before the session asks for the lease
  // again, so that the next hold has a token that no late copy reaches.
  private final Map<String, Long> debts = new ConcurrentHashMap<>();

  Talks(Config cfg) {
    this.cfg = cfg;
  }

  /**
   * Asks until the lease is had or the wait is over; then leaves the queue, unless the place is
   * kept. While the wait runs, failures that cost nothing are not thrown. It gives up when no node
   * has answered for the limit.
   */
  Hold acquire(String name, AcquireOptions o, Duration wait, boolean keepPlace, Duration limit) throws InterruptedException {
    Place place = new Place();
    try {
      return acquire(name, o, wait, keepPlace, limit, place);
    } catch (InterruptedException e) {
      if (place.kept) {
        leaveQueue(name);
      }
      throw e;
    }
  }

  /** Whether the session has a place in the queue that no open request holds. */
  private static final class Place {
    boolean kept;

    void told(LockdException e) {
      kept = e.problem().filter(p -> p.definitive() && !(e instanceof UnavailableException)).map(Problem::queued).orElse(kept);
    }
  }

  private Hold acquire(String name, AcquireOptions o, Duration wait, boolean keepPlace, Duration limit, Place place)
      throws InterruptedException {
    Moment start = cfg.clock.now();
    Heard heard = new Heard();
    Duration pause = Rounds.MIN_PAUSE;
    while (true) {
      Moment asked = cfg.clock.now();
      Duration left = Config.min(Config.max(wait.minus(start.until(asked)), Duration.ZERO), cfg.piece);
      boolean before = place.kept;
      try {
        settle(name);
        place.kept = before || !left.isZero(); // a node keeps the place of a connection that broke for a few seconds
        return acquireOnce(name, o, left, heard);
      } catch (LockdException e) {
        if (e instanceof UnavailableException) {
          place.kept = before;
        }
        place.told(e);
        Moment now = cfg.clock.now();
        boolean over = start.until(now).compareTo(wait) >= 0 || cfg.reach.silence(start, now).compareTo(limit) >= 0;
        if (over || !worthWaiting(e, o)) {
          if (place.kept && !keepPlace) {
            leaveQueue(name);
          }
          throw e;
        }
      }
      Duration took = asked.until(cfg.clock.now());
      if (!left.isZero() && took.compareTo(left) >= 0) {
        pause = Rounds.MIN_PAUSE; // the wait ran its course: ask again at once
        continue;
      }
      if (took.compareTo(Rounds.MAX_PAUSE) >= 0) {
        pause = Rounds.MIN_PAUSE; // it was cut while it waited: its place is kept for a few seconds
      }
      Rounds.sleep(Rounds.jitter(pause));
      pause = Rounds.longer(pause);
    }
  }

  private Hold acquireOnce(String name, AcquireOptions o, Duration wait, Heard heard) throws InterruptedException {
    // A late copy of a reclaim would take the token of its repeat.
    Answer<Grant> a = Rounds.send(cfg, new Call<>("POST", Rounds.lease(name, "acquire"), elapsed -> {
      Duration left = Config.max(wait.minus(elapsed), Duration.ZERO);
      return new Rounds.Sending(body(o, left), cfg.attemptTimeout(o.ttl()), left);
    }, raw -> Grant.of(raw, name, 0), !o.reclaim(), null, heard));
    return new Hold(cfg, a.value(), a.sent(), o.ttl());
  }

  private Map<String, Object> body(AcquireOptions o, Duration wait) {
    Map<String, Object> body = session();
    body.put("holder", cfg.holder);
    body.put("ttl_ms", ms(o.ttl()));
    if (!wait.isZero()) {
      body.put("wait_ms", ms(wait));
    }
    if (o.limit() != 1) {
      body.put("limit", o.limit());
    }
    if (!o.delay().isZero()) {
      body.put("delay_ms", ms(o.delay()));
    }
    if (o.priority() != 0) {
      body.put("priority", o.priority());
    }
    if (o.meta() != null) {
      body.put("meta", o.meta());
    }
    if (o.reclaim()) {
      body.put("reclaim", true);
    }
    return body;
  }

  private Map<String, Object> session() {
    Map<String, Object> body = new LinkedHashMap<>();
    body.put("session", cfg.session);
    return body;
  }

  private Map<String, Object> hold(Grant g) {
    Map<String, Object> body = session();
    body.put("token", g.token());
    return body;
  }

  /** Up to the next millisecond. */
  private static long ms(Duration d) {
    return d.plusNanos(999_999).toMillis();
  }

  private static boolean worthWaiting(LockdException e, AcquireOptions o) {
    if (e instanceof OutcomeUnknownException) {
      return !o.reclaim();
    }
    return e instanceof UnavailableException || e.problem().filter(p -> WORTH_WAITING.contains(p.type())).isPresent();
  }

  /** Gives up a place that nobody will ask for again; where that fails it ends by itself in seconds. */
  void leaveQueue(String name) throws InterruptedException {
    try {
      Rounds.send(cfg, Call.post(Rounds.lease(name, "release"), session(), timeout(), Json::object).within(LEAVE_TIMEOUT));
    } catch (LockdException e) {
      // it ends by itself
    }
  }

  private Duration timeout() {
    return cfg.attemptTimeout(Config.DEFAULT_TTL);
  }

  private void settle(String name) throws InterruptedException {
    Long token = debts.get(name);
    if (token != null) {
      Map<String, Object> body = session();
      body.put("token", token);
      giveBack(name, body);
    }
  }

  private void giveBack(String name, Map<String, Object> body) throws InterruptedException {
    try {
      Rounds.send(cfg, Call.post(Rounds.lease(name, "release"), body, timeout(), Json::object));
    } catch (LeaseLostException e) {
      // that it was lost already is no error
    }
    debts.remove(name);
  }

  /** Gives a lease back. That it was lost already is no error. */
  void release(Hold h, Duration delay) throws InterruptedException {
    Grant g = h.grant();
    h.giveBack();
    Map<String, Object> body = hold(g);
    if (!delay.isZero()) {
      body.put("delay_ms", ms(delay));
    }
    debts.put(g.name(), g.token()); // until it is certain
    giveBack(g.name(), body);
  }

  /** Keeps a lease. A loss ends the hold; after another error the deadline stands as it was. */
  void renew(Hold h, Duration ttl, Duration budget) throws InterruptedException {
    throwIfEnded(h);
    if (ttl != null) {
      cfg.checkTtl(ttl);
      h.shorten(ttl);
    }
    Grant g = h.grant();
    boolean doubt = false;
    try {
      Map<String, Object> body = hold(g);
      if (ttl != null) {
        body.put("ttl_ms", ms(ttl));
      }
      Duration timeout = cfg.attemptTimeout(ttl == null ? g.ttl() : ttl);
      Call<Grant> call = Call.post(Rounds.lease(g.name(), "renew"), body, timeout, raw -> Grant.of(raw, g.name(), g.token()));
      Answer<Grant> a = Rounds.send(cfg, call.within(budget));
      h.extend(a.value(), a.sent(), ttl);
    } catch (LeaseLostException e) {
      h.lose(e);
      throw e;
    } catch (OutcomeUnknownException | InterruptedException e) {
      doubt = true;
      throw e;
    } finally {
      if (ttl != null) {
        h.settle(ttl, doubt);
      }
    }
    throwIfEnded(h); // an answer that came too late revives nothing
  }

  private static void throwIfEnded(Hold h) {
    LockdException ended = h.ended();
    if (ended != null) {
      throw again(ended);
    }
  }

  /** The same, with the stack of whoever asks now. */
  static LockdException again(LockdException e) {
    return e instanceof LeaseLostException
        ? new LeaseLostException(e.getMessage(), e.problem().orElse(null), e)
        : new ReleasedException(e.getMessage(), null, e);
  }

  /** Hands a lease to a waiter in one step. From now on nothing is held, unless nothing changed. */
  long transfer(Hold h, String to) throws InterruptedException {
    throwIfEnded(h);
    Grant g = h.grant();
    h.hand(+1);
    try {
      Map<String, Object> body = hold(g);
      body.put("to", to);
      Call<Long> call = Call.post(Rounds.lease(g.name(), "transfer"), body, timeout(), raw -> raw.number("token"));
      long token = Rounds.send(cfg, call).value();
      h.giveBack();
      return token;
    } catch (OutcomeUnknownException | InterruptedException e) {
      debts.put(g.name(), g.token());
      h.giveBack();
      throw e;
    } catch (LeaseLostException e) {
      h.lose(e);
      throw e;
    } finally {
      h.hand(-1);
    }
  }

  /** How long to wait for the next renewal: a third of the TTL, jittered, after the last. */
  static Duration untilRenewal(Hold h) {
    Duration third = h.third();
    long early = (long) (third.toNanos() / 10 * ThreadLocalRandom.current().nextDouble());
    return third.minusNanos(early).minus(h.sinceSent());
  }

  /**
   * Renews those that are due or will be soon, in as few calls as may be, and returns whether
   * no attempt failed. What an answer leaves out is asked for alone, to be told how it was lost.
   */
  boolean renewTogether(List<Hold> holds) throws InterruptedException {
    List<Hold> due = new ArrayList<>();
    for (Hold h : holds) {
      if (h.sinceSent().compareTo(h.third().dividedBy(2)) >= 0 && !h.busy() && !h.remaining().isZero()) {
        due.add(h);
      }
    }
    boolean ok = true;
    for (int at = 0; at < due.size(); at += MAX_TOGETHER) {
      List<Hold> part = due.subList(at, Math.min(at + MAX_TOGETHER, due.size()));
      List<Hold> left = part;
      try {
        if (part.size() > 1) {
          left = renewPart(part);
        }
      } catch (LeaseLostException e) {
        // each is asked for alone
      } catch (LockdException e) {
        ok = false;
        continue;
      }
      for (Hold h : left) {
        ok = renewAlone(h) && ok;
      }
    }
    return ok;
  }

  /** Returns those of which the answer says nothing. */
  private List<Hold> renewPart(List<Hold> part) throws InterruptedException {
    Map<String, Object> body = session();
    List<Map<String, Object>> leases = new ArrayList<>();
    Duration ttl = part.get(0).grant().ttl();
    Duration left = part.get(0).remaining();
    for (Hold h : part) {
      leases.add(Map.of("name", h.grant().name(), "token", h.grant().token()));
      ttl = Config.min(ttl, h.grant().ttl());
      left = Config.min(left, h.remaining());
    }
    body.put("leases", leases);
    Call<Renewals> call = Call.post("/v1/sessions/renew", body, cfg.attemptTimeout(ttl), Renewals::of);
    Answer<Renewals> a = Rounds.send(cfg, call.within(left));
    List<Hold> rest = new ArrayList<>();
    for (Hold h : part) {
      Grant g = h.grant();
      Duration expires = a.value().expiresIn.get(g.token() + " " + g.name());
      if (expires == null) {
        rest.add(h);
      } else {
        h.extend(g.renewed(expires, a.value().waited), a.sent(), null);
      }
    }
    return rest;
  }

  /** What a session renewed in one call, by token and name. */
  private record Renewals(Map<String, Duration> expiresIn, Duration waited) {
    static Renewals of(Json raw) {
      Map<String, Duration> expiresIn = new LinkedHashMap<>();
      for (Json l : raw.fullList("leases")) {
        if (!l.has("expires_in_ms")) {
          throw new IllegalArgumentException("it promises nothing");
        }
        expiresIn.put(l.token() + " " + l.name("name"), Grant.promised(l, "expires_in_ms"));
      }
      return new Renewals(expiresIn, Grant.promised(raw, "waited_ms"));
    }
  }

  private boolean renewAlone(Hold h) throws InterruptedException {
    Duration left = h.remaining();
    if (left.isZero()) {
      return true; // whoever watches the deadline ends it
    }
    try {
      renew(h, null, left);
      return true;
    } catch (LockdException e) {
      return h.ended() != null;
    }
  }
}
