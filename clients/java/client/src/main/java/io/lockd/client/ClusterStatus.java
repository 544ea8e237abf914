package io.lockd.client;

import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * The cluster as one node sees it.
 *
 * @param node the node that answered
 * @param leader the leader's name; "" if the node that answered knows no leader
 * @param lastLogTerm the term of the last entry in the log of the node that answered
 * @param lastLogIndex the index of that entry
 */
public record ClusterStatus(
    String clusterId, Node node, String leader, long term, long revision, long appliedIndex, long lastLogTerm, long lastLogIndex,
    List<Member> members) {
  /**
   * The node that answered.
   *
   * @param state leader, follower, candidate or fresh
   * @param version of lockd
   * @param entryVersion the newest version of log entries that it reads
   */
  public record Node(String id, String name, String http, String peer, String state, String version, int entryVersion) {}

  /**
   * One member of the cluster.
   *
   * @param lastContact time since the last contact with the member; empty if the node that answered does not know it
   */
  public record Member(
      String id, String name, String http, String peer, boolean voter, boolean leader, int entryVersion, Optional<Duration> lastContact) {}
}
