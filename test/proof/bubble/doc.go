// Package bubble runs complete clusters in a testing/synctest bubble: internal/app with HashiCorp Raft, its stores
// and HTTP. The clock of the bubble jumps to the next event, so that hours of simulated time take seconds. The
// network is in memory. The disk is real, with a hook before each write.
//
// A run cannot be replayed exactly, because it depends on the goroutine scheduler. A failure saves its history.
// Package sim replays runs from seeds.
package bubble
