package cluster

import (
	"slices"
	"strconv"

	"github.com/hashicorp/raft"
)

// raftView is this node's Raft, with what the node reads from its configuration.
type raftView struct {
	*raft.Raft
	id string // this node's server ID
}

// servers returns the newest configuration, committed or not.
func (r *raftView) servers() []raft.Server { return r.GetConfiguration().Configuration().Servers }

// voters returns the IDs of the voters.
func (r *raftView) voters() []string {
	var ids []string
	for _, s := range r.servers() {
		if s.Suffrage == raft.Voter {
			ids = append(ids, string(s.ID))
		}
	}
	return ids
}

// members returns the IDs of all members, with and without a vote.
func (r *raftView) members() []string {
	var ids []string
	for _, s := range r.servers() {
		ids = append(ids, string(s.ID))
	}
	return ids
}

// hasServer reports whether a node is in a configuration.
func hasServer(servers []raft.Server, id string) bool {
	return slices.ContainsFunc(servers, func(s raft.Server) bool { return string(s.ID) == id })
}

// fresh reports whether this node has no state of any cluster.
func (r *raftView) fresh() bool { return r.LastIndex() == 0 && len(r.servers()) == 0 }

// leader returns the ID of the leader, or "" if none is known.
func (r *raftView) leader() string {
	_, id := r.LeaderWithID()
	return string(id)
}

// logEnd returns the term and the index of the newest entry.
func (r *raftView) logEnd() (term, index uint64) {
	stats := r.Stats()
	term, _ = strconv.ParseUint(stats["last_log_term"], 10, 64) // Raft always gives both
	index, _ = strconv.ParseUint(stats["last_log_index"], 10, 64)
	return term, index
}

// standing is what a node is in its own newest configuration.
type standing int

const (
	voter standing = iota
	learner
	stranger // it was removed, or does not know yet that it is a member
)

// standing returns what this node is.
func (r *raftView) standing() standing {
	for _, s := range r.servers() {
		if string(s.ID) != r.id {
			continue
		}
		if s.Suffrage == raft.Voter {
			return voter
		}
		return learner
	}
	return stranger
}
