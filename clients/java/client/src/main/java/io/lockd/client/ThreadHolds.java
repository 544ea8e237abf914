package io.lockd.client;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;

/** The leases that threads hold through lock objects and elections of a client. */
final class ThreadHolds {
  private record Key(String name, Thread thread) {}

  /** A lease that a thread holds. Only that thread uses this object. */
  static final class Held {
    final Lease lease;
    final boolean elected; // the election ends it; unlock does not
    int count = 1; // lock calls minus unlock calls

    Held(Lease lease, boolean elected) {
      this.lease = lease;
      this.elected = elected;
    }
  }

  private final Map<Key, Held> all = new ConcurrentHashMap<>();

  private static Key key(String name) {
    return new Key(name, Thread.currentThread());
  }

  /** Returns the hold of the calling thread for this name; null: none. */
  Held mine(String name) {
    return all.get(key(name));
  }

  void add(String name, Held held) {
    all.put(key(name), held);
  }

  void remove(String name) {
    all.remove(key(name));
  }

  /** Returns the names of the threads that hold the name, separated by commas. */
  String threads(String name) {
    return all.keySet().stream().filter(k -> k.name.equals(name)).map(k -> k.thread.getName()).sorted().collect(Collectors.joining(", "));
  }

  /** Throws IllegalStateException if the calling thread holds the name, since it would wait for itself. */
  void refuseReentrance(String name) {
    if (mine(name) != null) {
      throw new IllegalStateException(name + " is held by this thread already; lockd's locks are not reentrant: "
          + "end that hold first, or use client.reentrantLock(\"" + name + "\", options) both times");
    }
  }
}
