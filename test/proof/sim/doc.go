// Package sim runs a whole cluster in one goroutine: the real machine and the real
// leader (package leader) on several nodes, on a small simulated Raft, network, disk and
// set of clocks. Everything that happens is drawn from a seed, so a seed replays a run
// exactly. What clients receive is compared with what was committed.
//
// What is simulated: Raft elects a node that may be elected (one that reaches a majority
// whose logs are no newer than its own), at times that the faults choose; a leader that
// was replaced learns of it late. Messages are delayed, lost and doubled, nodes are
// killed, paused, upgraded and cut off, and their disks hang; clocks run at rates of their
// own. Calls between nodes follow package cluster.
package sim
