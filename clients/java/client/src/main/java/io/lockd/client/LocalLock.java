package io.lockd.client;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A lock for each name and session of one client: no two calls use the same session for the same name at once. With a
 * limit of 1 only the client's session is used, so that two calls exclude each other. With a higher limit a call whose
 * name is in use gets another session. Sessions are reused, so there are at most as many as concurrent holds of one
 * name.
 */
final class LocalLock {
  /** A session that a call uses for a name. Run {@link #leave} to end the use. A repeat does nothing. */
  record Claim(String session, Runnable leave) {
    @Override
    public String toString() {
      return "Claim"; // a session is a secret
    }
  }

  private final List<String> sessions = new ArrayList<>(); // the client's session is the first
  private final Map<String, Set<String>> used = new HashMap<>();

  LocalLock(String session) {
    sessions.add(session);
  }

  /** Waits until a session is free for the name. Throws HeldException after the wait. */
  synchronized Claim take(String name, Duration wait, int limit, Interrupts interrupts) throws InterruptedException {
    String session = interrupts.run(wait, nanos -> free(name, limit, nanos));
    used.computeIfAbsent(name, n -> new HashSet<>()).add(session);
    boolean[] left = {false};
    return new Claim(session, () -> leave(name, session, left));
  }

  private String free(String name, int limit, long nanos) throws InterruptedException {
    long start = System.nanoTime();
    while (true) {
      Set<String> taken = used.getOrDefault(name, Set.of());
      for (String s : limit > 1 ? sessions : sessions.subList(0, 1)) {
        if (!taken.contains(s)) {
          return s;
        }
      }
      if (limit > 1) {
        String more = Config.random(Config.SESSION_BYTES);
        sessions.add(more);
        return more;
      }
      long left = nanos - (System.nanoTime() - start);
      if (left <= 0) {
        throw new HeldException(name + " is held by this client", null, null);
      }
      wait(left / 1_000_000 + 1);
    }
  }

  private synchronized void leave(String name, String session, boolean[] left) {
    if (left[0]) {
      return;
    }
    left[0] = true;
    Set<String> taken = used.get(name);
    taken.remove(session);
    if (taken.isEmpty()) {
      used.remove(name);
    }
    notifyAll();
  }
}
