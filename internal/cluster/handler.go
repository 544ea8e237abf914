package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockd/lockd/internal/cluster/replies"
	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/fsm/outcome"
	"github.com/lockd/lockd/internal/transport"
)

// peerHandler serves the calls of other nodes.
type peerHandler struct{ *Node }

// admit decides on a connection by its hello.
func (n peerHandler) admit(kind transport.Kind, h transport.Hello) error {
	self := n.self.identity()
	switch {
	case proven(h) != nil:
		n.log.Warn("a connection has the certificate of another node", "certificate", h.Proven, "hello", h.From)
		return proven(h)
	case h.To != "" && h.To != self.ID():
		n.log.Debug("a connection is meant for another node", "called", h.To, "from", h.From)
		return errors.New("another node listens at this address")
	case h.Cluster != "" && self.Cluster != "" && h.Cluster != self.Cluster:
		n.log.Debug("a connection is from another cluster", "cluster", h.Cluster, "from", h.From)
		return errors.New("this node belongs to another cluster")
	case kind == transport.KindRaft && (h.Cluster == "" || h.Cluster != self.Cluster):
		return errors.New("not of one cluster yet")
	case kind == transport.KindRaft && !n.mayLead(h):
		return errors.New("not a member")
	}
	if n.isMember(h) && h.From != self.ID() {
		n.peers.verify(fsm.Node{ID: h.From, Name: h.Name, Peer: h.Peer, HTTP: h.HTTP})
	}
	return nil
}

// handle answers what other nodes call.
func (n peerHandler) handle(from transport.Hello, method byte, payload []byte, respond func(byte, []byte)) {
	refuse := func(err error) { respond(replies.Of(err)) }
	if n.handleNewcomer(from, method, payload, respond) {
		return
	}
	if from.Cluster == "" || from.Cluster != n.self.identity().Cluster {
		refuse(&fsm.Refused{Reason: "not of one cluster"})
		return
	}
	if method != callIntroduce && !n.isMember(from) {
		respond(replies.NoLeader, nil) // it was removed, or it is to be a member and this node does not lead
		return
	}
	switch method {
	case callDo:
		n.handleDo(from.Version, payload, respond)
	case callQuery:
		n.handleQuery(from.Version, payload, respond)
	case callIntroduce:
		go func() {
			answerJSON(payload, respond, func(node fsm.Node) (struct{}, error) {
				if err := speaksFor(from, node); err != nil {
					return struct{}{}, err
				}
				return n.membership.acceptIntroduction(node)
			})
		}()
	case callReport:
		answerJSON(payload, respond, func(struct{}) (Report, error) { return n.report(), nil })
	case callRemove:
		go func() { answerJSON(payload, respond, administrator(n).removeHere) }()
	case callTransfer:
		go func() { answerJSON(payload, respond, administrator(n).transferHere) }()
	default:
		refuse(&fsm.Refused{Reason: fmt.Sprintf("unknown call %d", method)})
	}
}

// handleNewcomer answers the calls of nodes that are in no cluster yet, and reports whether it was one.
func (n peerHandler) handleNewcomer(from transport.Hello, method byte, payload []byte, respond func(byte, []byte)) bool {
	switch method {
	case callForm:
		answerJSON(payload, respond, func(f formation) (struct{}, error) {
			if err := formsItself(from, f); err != nil {
				return struct{}{}, err
			}
			return n.membership.acceptForm(f)
		})
	case callJoin:
		go func() {
			answerJSON(payload, respond, func(q joinRequest) (struct{}, error) {
				if err := speaksFor(from, q.Node); err != nil {
					return struct{}{}, err
				}
				return n.acceptJoin(q)
			})
		}()
	case callIdentify:
		go func() { answerJSON([]byte("{}"), respond, n.identity) }()
	default:
		return false
	}
	return true
}

func (n peerHandler) handleDo(version uint64, payload []byte, respond func(byte, []byte)) {
	arrival := n.now()
	c, err := fsm.DecodeCommand(payload, version)
	if err == nil {
		err = fsm.ValidateSent(c) // one bad command would spoil the entry that it is packed into
	}
	t := n.term.Load()
	switch {
	case err != nil:
		respond(replies.Of(&fsm.Refused{Reason: err.Error()}))
	case c.Traits().Internal:
		respond(replies.Of(&fsm.Refused{Reason: "only the leader itself proposes this"}))
	case t == nil:
		respond(replies.NoLeader, nil)
	default:
		t.leader.Submit(c, arrival, func(r fsm.Reply, err error) {
			if err != nil {
				respond(replies.Of(err))
				return
			}
			respond(replies.OK, outcome.EncodeReply(&r, version))
		})
	}
}

func (n peerHandler) handleQuery(version uint64, payload []byte, respond func(byte, []byte)) {
	q, err := outcome.DecodeQuery(payload, version)
	t := n.term.Load()
	switch {
	case err != nil:
		respond(replies.Of(&fsm.Refused{Reason: err.Error()}))
	case t == nil:
		respond(replies.NoLeader, nil)
	default:
		t.leader.Query(q, func(a fsm.Answer, err error) {
			if err != nil {
				respond(replies.Of(err))
				return
			}
			respond(replies.OK, outcome.EncodeAnswer(&a, version))
		})
	}
}

// answerJSON answers a call whose question and answer are JSON.
func answerJSON[Q, A any](payload []byte, respond func(byte, []byte), f func(Q) (A, error)) {
	var q Q
	if err := json.Unmarshal(payload, &q); err != nil {
		respond(replies.Failed, []byte(err.Error()))
		return
	}
	a, err := f(q)
	if err != nil {
		respond(replies.Of(err))
		return
	}
	out, err := json.Marshal(a)
	if err != nil {
		respond(replies.Failed, []byte(err.Error()))
		return
	}
	respond(replies.OK, out)
}

// mayLead reports whether Raft's messages of a node are accepted: it is a member, or this node hears of no leader. A
// node that lags may not know yet that the leader is a member. While it hears of another leader, no node that is not a
// member may disturb it.
func (n peerHandler) mayLead(h transport.Hello) bool {
	if n.isMember(h) {
		return true
	}
	return n.raft.State() != raft.Leader && (n.raft.leader() == "" || time.Since(n.raft.LastContact()) > 2*n.cfg.Heartbeat)
}

// isMember reports whether the calling node states that it is a member of this node's
// cluster. A node that does not know its members yet accepts that.
func (n peerHandler) isMember(h transport.Hello) bool {
	self := n.self.identity()
	if h.Cluster == "" || h.Cluster != self.Cluster {
		return false
	}
	servers := n.raft.servers()
	return len(servers) == 0 || hasServer(servers, h.From)
}
