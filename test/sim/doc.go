// Package sim runs a whole cluster in one goroutine: the real machine, the real
// book and the real decisions of a leader (package reign) on several nodes, on a
// small made-up Raft, network, disk and set of clocks. Everything that happens is
// drawn from a seed, so a seed replays a run exactly, and what is learned by
// everybody is held against what was truly committed.
//
// What is made up: Raft elects whom it may (a node that reaches a majority whose
// logs are no newer than its own), at moments that the faults choose; a leader
// that was replaced learns of it late. Messages are delayed, lost and doubled,
// nodes are killed, paused, cut off, and their disks hang; clocks run at rates of
// their own. Packing, calls between nodes and retries follow package cluster.
package sim
