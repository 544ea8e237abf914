// Package bubble runs real clusters inside testing/synctest: internal/app with
// HashiCorp's Raft, its stores and HTTP, all of it, in one process whose clock
// jumps to whatever happens next. Hours of leases go by in seconds. The network
// is made of memory here, the disk is the real one with a gate before each write.
//
// What happens is not the same twice, since the scheduler has its say: a failure
// leaves its history behind, and package sim has the seeds that replay.
package bubble
