package transport

import (
	"context"
	"errors"

	"github.com/hashicorp/raft"
)

// maxTermJump is how far another node's term may be above this node's own. Terms
// grow by one with each election, so no cluster comes near it, and a term near the
// end of its 64 bits, which Raft would store, would end all elections for good.
const maxTermJump = 1 << 32

var (
	errTermTooHigh       = errors.New("the other node's term is impossibly high; its message is not believed")
	errJunkConfiguration = errors.New("the list of members in the message cannot be read")
)

// believable reports whether a term that another node states can be one. A node
// that has no term yet believes any: the cluster that it joins may have a high one.
func (t *Raft) believable(term uint64) bool {
	r := t.raft.Load()
	if r == nil || term < maxTermJump {
		return true
	}
	own := r.CurrentTerm()
	return own == 0 || term-maxTermJump <= own
}

// checkAnswer checks the term of an answer.
func (t *Raft) checkAnswer(err error, term uint64) error {
	if err == nil && !t.believable(term) {
		return errTermTooHigh
	}
	return err
}

// termOf returns the term that a request states.
func termOf(request any) uint64 {
	switch q := request.(type) {
	case *raft.AppendEntriesRequest:
		return q.Term
	case *raft.RequestVoteRequest:
		return q.Term
	case *raft.RequestPreVoteRequest:
		return q.Term
	case *raft.InstallSnapshotRequest:
		return q.Term
	}
	return 0
}

// refuse answers a request that is not believed, and reports whether it did.
func (t *Raft) refuse(rpc raft.RPC) bool {
	switch {
	case !t.believable(termOf(rpc.Command)):
		rpc.Respond(nil, errTermTooHigh)
	case !decodable(rpc.Command):
		rpc.Respond(nil, errJunkConfiguration)
	default:
		return false
	}
	return true
}

// decodable reports whether the list of members in a request can be decoded: Raft
// panics if it cannot.
func decodable(request any) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	switch q := request.(type) {
	case *raft.InstallSnapshotRequest:
		if q.SnapshotVersion > 0 {
			raft.DecodeConfiguration(q.Configuration)
		}
	case *raft.AppendEntriesRequest:
		for _, l := range q.Entries {
			if l.Type == raft.LogConfiguration {
				raft.DecodeConfiguration(l.Data)
			}
		}
	}
	return true
}

// Consumer is what Raft reads requests from.
func (t *Raft) Consumer() <-chan raft.RPC { return t.believed }

// believe passes requests on until ctx ends.
func (t *Raft) believe(ctx context.Context) error {
	requests := t.NetworkTransport.Consumer()
	for {
		select {
		case rpc := <-requests:
			if t.refuse(rpc) {
				continue
			}
			select {
			case t.believed <- rpc:
			case <-ctx.Done():
				return ctx.Err()
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// SetHeartbeatHandler lets heartbeats pass by Consumer, as Raft wants them to.
func (t *Raft) SetHeartbeatHandler(handle func(raft.RPC)) {
	t.NetworkTransport.SetHeartbeatHandler(func(rpc raft.RPC) {
		if !t.refuse(rpc) {
			handle(rpc)
		}
	})
}
