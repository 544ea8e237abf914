// Package sim runs a whole cluster in one goroutine: the real state machine and the real leader (package leader) on
// several nodes, with a small simulated Raft, network, disk and set of clocks. All random choices come from a seed,
// so that a seed replays a run exactly. The responses to clients are compared with the committed entries.
//
// Raft elects a node that reaches a majority whose logs are no newer than its own, at times that the faults choose. A
// replaced leader learns of it late. Messages are delayed, lost and duplicated. Nodes are killed, paused, upgraded
// and disconnected, and their disks hang. Clocks run at different rates. Calls between nodes follow package cluster.
package sim
