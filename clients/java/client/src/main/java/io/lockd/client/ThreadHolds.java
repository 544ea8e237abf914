package io.lockd.client;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;

/** Which threads hold which leases through lock objects and elections of a client. */
final class ThreadHolds {
  private record Key(String name, Thread thread) {}

  /** What a thread holds. Only that thread uses it. */
  static final class Held {
    final Lease lease;
    final boolean elected; // its election ends it, and no unlock does
    int count = 1; // locks without their unlocks

    Held(Lease lease, boolean elected) {
      this.lease = lease;
      this.elected = elected;
    }
  }

  private final Map<Key, Held> all = new ConcurrentHashMap<>();

  private static Key key(String name) {
    return new Key(name, Thread.currentThread());
  }

  /** What the calling thread holds of this name; null: nothing. */
  Held mine(String name) {
    return all.get(key(name));
  }

  void add(String name, Held held) {
    all.put(key(name), held);
  }

  void remove(String name) {
    all.remove(key(name));
  }

  /** The names of the threads that hold it, with commas between. */
  String threads(String name) {
    return all.keySet().stream().filter(k -> k.name.equals(name)).map(k -> k.thread.getName()).sorted().collect(Collectors.joining(", "));
  }

  /** Refuses to wait for a lease that the calling thread holds itself. */
  void refuseReentrance(String name) {
    if (mine(name) != null) {
      throw new IllegalStateException(name + " is held by this thread already; lockd's locks are not reentrant: "
          + "end that hold first, or lock it both times with client.reentrantLock(\"" + name + "\", options)");
    }
  }
}
