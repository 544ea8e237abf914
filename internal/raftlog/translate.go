package raftlog

import (
	"log/slog"

	"github.com/hashicorp/go-hclog"
)

// line is a line of Raft in the words of lockd.
type line struct {
	level slog.Level
	text  string
}

// lines are the lines of Raft that an operator should see, by Raft's message. What lockd logs itself is not among them:
// who leads, who joins and who leaves.
var lines = map[string]line{
	"heartbeat timeout reached, starting election":  {slog.LevelInfo, "no leader is heard: an election begins"},
	"Election timeout reached, restarting election": {slog.LevelInfo, "the election had no winner and begins again"},
	"snapshot complete up to":                       {slog.LevelInfo, "a snapshot was written"},
	"installing snapshot on":                        {slog.LevelInfo, "a member gets a snapshot, because the log no longer has what it needs"},
	"Installed remote snapshot":                     {slog.LevelInfo, "a snapshot of the leader was installed"},

	"failed to contact quorum of nodes, stepping down": {slog.LevelWarn, "no quorum answers: this node gives up its leadership"},
	"failed to contact":              {slog.LevelWarn, "a member has not answered for a while"},
	"failed to heartbeat to":         {slog.LevelWarn, "a member does not answer heartbeats"},
	"failed to appendEntries to":     {slog.LevelWarn, "a member does not accept entries"},
	"failed to make requestVote RPC": {slog.LevelInfo, "a member cannot be asked for its vote"},
	"failed to send snapshot to":     {slog.LevelWarn, "a member did not get the snapshot"},
	"failed to install snapshot":     {slog.LevelWarn, "a snapshot was not installed"},
	"failed to take snapshot":        {slog.LevelError, "no snapshot could be written: the log grows until one is"},
}

// expected are warnings and errors of Raft that belong to every start, election, transfer of leadership or stop.
var expected = map[string]bool{
	"appendEntries rejected, sending older logs": true,
	"duplicate requestVote from":                 true,
	"failed to decode incoming command":          true,
	"failed to flush response":                   true,
	"failed to get previous log":                 true,
	"failed to pipeline appendEntries":           true,
	"failed to start pipeline replication to":    true,
	"heartbeat timeout reached, not part of a stable configuration or a non-voter, not triggering a leader election": true,
	"new leader elected, stepping down":                             true,
	"no known peers, aborting election":                             true,
	"not part of stable configuration, aborting election":           true,
	"peer has newer term, stopping replication":                     true,
	"previous log term mis-match":                                   true,
	"clearing log suffix":                                           true,
	"rejecting pre-vote request since node is not in configuration": true,
	"rejecting pre-vote request since node is not a voter":          true,
	"rejecting pre-vote request since our last index is greater":    true,
	"rejecting pre-vote request since our last term is greater":     true,
	"rejecting pre-vote request since we have a leader":             true,
	"rejecting vote request since node is not in configuration":     true,
	"rejecting vote request since node is not a voter":              true,
	"rejecting vote request since our last index is greater":        true,
	"rejecting vote request since our last term is greater":         true,
	"rejecting vote request since we have a leader":                 true,
}

// translate returns the level of a line of Raft, and its text; "" means Raft's own. Raft's other warnings and errors keep
// their level, and everything else is for those who debug.
func translate(level hclog.Level, msg string) (slog.Level, string) {
	if l, ok := lines[msg]; ok {
		return l.level, l.text
	}
	switch {
	case level >= hclog.Error && !expected[msg]:
		return slog.LevelError, ""
	case level == hclog.Warn && !expected[msg]:
		return slog.LevelWarn, ""
	}
	return slog.LevelDebug, ""
}

// once reports whether a line below warn is written once in repeatPause. A node that gets no votes begins several
// elections a second.
func once(msg string) bool {
	switch msg {
	case "heartbeat timeout reached, starting election", "Election timeout reached, restarting election", "failed to make requestVote RPC":
		return true
	}
	return false
}
