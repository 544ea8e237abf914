package cluster

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/transport"
)

// peerHandler serves the calls of other nodes.
type peerHandler struct{ *Node }

// admit decides on a connection by its hello.
func (n peerHandler) admit(kind transport.Kind, h transport.Hello) error {
	self := n.self.identity()
	switch {
	case h.To != "" && h.To != self.ID():
		n.log.Debug("a connection is meant for another node", "called", h.To, "from", h.From)
		return errors.New("another node listens at this address")
	case h.Cluster != "" && self.Cluster != "" && h.Cluster != self.Cluster:
		n.log.Debug("a connection is from another cluster", "cluster", h.Cluster, "from", h.From)
		return errors.New("this node belongs to another cluster")
	case kind == transport.KindRaft && (h.Cluster == "" || h.Cluster != self.Cluster):
		return errors.New("not of one cluster yet")
	}
	if n.isMember(h) && h.From != self.ID() {
		n.peers.verify(fsm.Node{ID: h.From, Name: h.Name, Peer: h.Peer, HTTP: h.HTTP})
	}
	return nil
}

// handle answers what other nodes call.
func (n peerHandler) handle(from transport.Hello, method byte, payload []byte, respond func(byte, []byte)) {
	refuse := func(err error) { respond(statusOf(err)) }
	switch method {
	case callForm:
		answerJSON(payload, respond, n.membership.acceptForm)
		return
	case callJoin:
		go func() { answerJSON(payload, respond, n.acceptJoin) }()
		return
	}
	if from.Cluster == "" || from.Cluster != n.self.identity().Cluster {
		refuse(&fsm.Refused{Reason: "not of one cluster"})
		return
	}
	switch method {
	case callDo:
		n.handleDo(from.Version, payload, respond)
	case callQuery:
		n.handleQuery(from.Version, payload, respond)
	case callIntroduce:
		go func() { answerJSON(payload, respond, n.membership.acceptIntroduction) }()
	case callRemove:
		go func() { answerJSON(payload, respond, administrator(n).removeHere) }()
	case callTransfer:
		go func() { answerJSON(payload, respond, administrator(n).transferHere) }()
	default:
		refuse(&fsm.Refused{Reason: fmt.Sprintf("unknown call %d", method)})
	}
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
		respond(statusOf(&fsm.Refused{Reason: err.Error()}))
	case c.Traits().Internal:
		respond(statusOf(&fsm.Refused{Reason: "only the leader itself proposes this"}))
	case t == nil:
		respond(statusNoLeader, nil)
	default:
		t.leader.Submit(c, arrival, func(r fsm.Reply, err error) {
			if err != nil {
				respond(statusOf(err))
				return
			}
			respond(statusOK, fsm.EncodeReply(&r, version))
		})
	}
}

func (n peerHandler) handleQuery(version uint64, payload []byte, respond func(byte, []byte)) {
	q, err := fsm.DecodeQuery(payload, version)
	t := n.term.Load()
	switch {
	case err != nil:
		respond(statusOf(&fsm.Refused{Reason: err.Error()}))
	case t == nil:
		respond(statusNoLeader, nil)
	default:
		t.leader.Query(q, func(a fsm.Answer, err error) {
			if err != nil {
				respond(statusOf(err))
				return
			}
			respond(statusOK, fsm.EncodeAnswer(&a, version))
		})
	}
}

// answerJSON answers a call whose question and answer are JSON.
func answerJSON[Q, A any](payload []byte, respond func(byte, []byte), f func(Q) (A, error)) {
	var q Q
	if err := json.Unmarshal(payload, &q); err != nil {
		respond(statusFailed, []byte(err.Error()))
		return
	}
	a, err := f(q)
	if err != nil {
		respond(statusOf(err))
		return
	}
	out, err := json.Marshal(a)
	if err != nil {
		respond(statusFailed, []byte(err.Error()))
		return
	}
	respond(statusOK, out)
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
