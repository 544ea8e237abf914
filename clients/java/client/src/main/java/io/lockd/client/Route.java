package io.lockd.client;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Which node has answered at each address, and which one leads. A name of a node is only compared with those that the
 * client's own addresses have reported: no request goes to another address. Any thread may call its methods.
 */
final class Route {
  /** How long a call does not start at an address whose last attempt had no answer. */
  static final Duration AVOID_FAILED = Duration.ofSeconds(10);

  private int last; // the address that answered last, except for calls that started at the leader
  private String leader = "";
  private final String[] nodes; // "": not known
  private final Clock.Reading[] failed; // null: the last attempt had an answer

  Route(int addresses) {
    nodes = new String[addresses];
    Arrays.fill(nodes, "");
    failed = new Clock.Reading[addresses];
  }

  /** Returns the address that answered last. */
  synchronized int start() {
    return last;
  }

  /**
   * Returns the order for a call. A call that a follower would forward starts at the leader. If its address is not
   * known, it starts at an address whose node is not known, to learn the name. The others follow, starting with the one
   * that answered last.
   */
  synchronized List<Integer> order(boolean forwarded, Clock.Reading now) {
    int first = forwarded ? preferred(now) : last;
    List<Integer> order = new ArrayList<>(List.of(first));
    for (int n = 0; n < nodes.length; n++) {
      int i = (last + n) % nodes.length;
      if (i != first) {
        order.add(i);
      }
    }
    return order;
  }

  private int preferred(Clock.Reading now) {
    if (leader.isEmpty()) {
      return last;
    }
    int unknown = -1;
    for (int n = 0; n < nodes.length; n++) {
      int i = (last + n) % nodes.length;
      if (nodes[i].equals(leader)) {
        return avoided(i, now) ? last : i;
      }
      if (unknown < 0 && nodes[i].isEmpty() && !avoided(i, now)) {
        unknown = i;
      }
    }
    return unknown < 0 ? last : unknown;
  }

  private boolean avoided(int i, Clock.Reading now) {
    return failed[i] != null && failed[i].until(now).compareTo(AVOID_FAILED) < 0;
  }

  /** Records the names in an answer. A proxy's answer has none. */
  synchronized void answered(int i, String node, String knownLeader) {
    failed[i] = null;
    if (!node.isEmpty()) {
      nodes[i] = node;
      leader = knownLeader;
    }
  }

  /** Records an attempt without an answer. */
  synchronized void silent(int i, Clock.Reading now) {
    failed[i] = now;
  }

  /** Records the address of a final answer. */
  synchronized void finalAnswer(int i) {
    boolean atLeader = !nodes[i].isEmpty() && nodes[i].equals(leader);
    if (!atLeader || failed[last] != null) {
      last = i;
    }
  }
}
