package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/transport"
)

// The calls between nodes. Numbers cross the wire: add at the end.
const (
	callDo        byte = iota + 1 // a command for the leader
	callQuery                     // a linearizable read for the leader
	callIntroduce                 // a member's record, for whoever leads
	callJoin                      // a new node asks to become a member
	callForm                      // the lowest name asks the others to form a cluster
	callRemove                    // an operator's wish, for the leader
	callTransfer                  // likewise
)

// How a call was answered.
const (
	statusOK byte = iota
	statusNoLeader
	statusNotReady
	statusOverloaded
	statusUnknown
	statusFailed // with a sentence
)

func statusOf(err error) (byte, []byte) {
	switch {
	case err == nil:
		return statusOK, nil
	case errors.Is(err, fsm.ErrUnknown):
		return statusUnknown, nil
	case errors.Is(err, fsm.ErrOverloaded):
		return statusOverloaded, nil
	case errors.Is(err, fsm.ErrNotReady):
		return statusNotReady, nil
	case errors.Is(err, fsm.ErrNoLeader):
		return statusNoLeader, nil
	}
	return statusFailed, []byte(err.Error())
}

func errorOf(status byte, payload []byte) error {
	switch status {
	case statusOK:
		return nil
	case statusNoLeader:
		return fsm.ErrNoLeader
	case statusNotReady:
		return fsm.ErrNotReady
	case statusOverloaded:
		return fsm.ErrOverloaded
	case statusUnknown:
		return fsm.ErrUnknown
	}
	return &fsm.Refused{Reason: string(payload)}
}

// connectTimeout bounds how long another node may take to answer a connection.
const connectTimeout = 2 * time.Second

// dial opens a connection of a kind to a node by its ID.
func (n *Node) dial(ctx context.Context, kind transport.Kind, id string, timeout time.Duration) (transport.Conn, error) {
	address := n.address(id)
	if address == "" {
		return transport.Conn{}, fmt.Errorf("no address of %s is known", id)
	}
	return n.dialAddress(ctx, kind, id, address, timeout)
}

// dialAddress opens a connection to a node at an address.
func (n *Node) dialAddress(
	ctx context.Context, kind transport.Kind, id, address string, timeout time.Duration,
) (transport.Conn, error) {
	timeout = min(timeout, connectTimeout)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := n.cfg.Dial(ctx, address)
	if err != nil {
		return transport.Conn{}, err
	}
	return transport.Greet(conn, kind, n.hello(id), timeout)
}

func (n *Node) hello(to string) transport.Hello {
	r, self := n.record(), n.identity()
	return transport.Hello{Cluster: self.Cluster, From: r.ID, Name: r.Name, Peer: r.Peer, HTTP: r.HTTP, To: to, Version: r.Version}
}

func (n *Node) newClient(id string) *transport.Client {
	return transport.NewClient(func(ctx context.Context) (transport.Conn, error) {
		return n.dial(ctx, transport.KindCall, id, connectTimeout)
	})
}

// address returns the newest peer address known of a node.
func (n *Node) address(id string) string {
	n.mu.Lock()
	known, ok := n.peers[id]
	n.mu.Unlock()
	if ok {
		return known.Peer
	}
	for _, s := range n.raft.GetConfiguration().Configuration().Servers {
		if string(s.ID) == id {
			return string(s.Address)
		}
	}
	return ""
}

// forward sends a command to the leader: one hop, and never again after an
// ambiguous failure; that is Do's to decide.
func (n *Node) forward(ctx context.Context, r route, c fsm.Command) (fsm.Reply, error) {
	answer, err := n.ask(ctx, r.leader, callDo, func(version uint64) ([]byte, error) {
		return fsm.EncodeCommand(c, version)
	})
	if err != nil {
		return fsm.Reply{}, err
	}
	reply, err := fsm.DecodeReply(answer.Payload, answer.Version)
	if err != nil {
		n.log.Error("the leader's answer cannot be read", "err", err)
		return fsm.Reply{}, fsm.ErrUnknown
	}
	return reply, nil
}

func (n *Node) forwardQuery(ctx context.Context, r route, q fsm.Query) (fsm.Answer, error) {
	answer, err := n.ask(ctx, r.leader, callQuery, func(version uint64) ([]byte, error) {
		return fsm.EncodeQuery(q, version)
	})
	if err != nil {
		return fsm.Answer{}, err
	}
	return fsm.DecodeAnswer(answer.Payload, answer.Version)
}

// ask makes a call and sorts how it ended.
func (n *Node) ask(
	ctx context.Context, id string, method byte, encode func(version uint64) ([]byte, error),
) (transport.Answer, error) {
	answer, err := n.client(id).Call(ctx, method, encode)
	switch {
	case errors.Is(err, fsm.ErrNotYet):
		return answer, fsm.ErrNotYet
	case errors.Is(err, transport.ErrNotSent):
		return answer, fmt.Errorf("%w (%w)", fsm.ErrNoLeader, err)
	case err != nil:
		return answer, fmt.Errorf("%w (%w)", fsm.ErrUnknown, err)
	}
	return answer, errorOf(answer.Status, answer.Payload)
}

// admit decides on a connection by its hello.
func (n *Node) admit(kind transport.Kind, h transport.Hello) error {
	self := n.identity()
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
		n.hearOf(fsm.Node{ID: h.From, Name: h.Name, Peer: h.Peer, HTTP: h.HTTP})
	}
	return nil
}

// handle answers what other nodes call.
func (n *Node) handle(from transport.Hello, method byte, payload []byte, respond func(byte, []byte)) {
	refuse := func(err error) { respond(statusOf(err)) }
	switch method {
	case callForm:
		answerJSON(payload, respond, n.acceptForm)
		return
	case callJoin:
		go func() { answerJSON(payload, respond, n.acceptJoin) }()
		return
	}
	if from.Cluster == "" || from.Cluster != n.identity().Cluster {
		refuse(&fsm.Refused{Reason: "not of one cluster"})
		return
	}
	switch method {
	case callDo:
		n.handleDo(from.Version, payload, respond)
	case callQuery:
		n.handleQuery(from.Version, payload, respond)
	case callIntroduce:
		go func() { answerJSON(payload, respond, n.acceptIntroduction) }()
	case callRemove:
		go func() { answerJSON(payload, respond, n.removeHere) }()
	case callTransfer:
		go func() { answerJSON(payload, respond, n.transferHere) }()
	default:
		refuse(&fsm.Refused{Reason: fmt.Sprintf("unknown call %d", method)})
	}
}

func (n *Node) handleDo(version uint64, payload []byte, respond func(byte, []byte)) {
	arrival := n.now()
	c, err := fsm.DecodeCommand(payload, version)
	if err == nil {
		err = c.Validate() // one bad command would spoil the entry that it is packed into
	}
	t := n.term.Load()
	switch {
	case err != nil:
		respond(statusOf(&fsm.Refused{Reason: err.Error()}))
	case !forwarded(c):
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

// forwarded reports whether a command may come from another node: what a leader
// decides by itself may not.
func forwarded(c fsm.Command) bool {
	switch c.(type) {
	case *fsm.Expire, *fsm.Park, *fsm.Found, *fsm.Recover, *fsm.SetNode, *fsm.RemoveNode, *fsm.Stamp:
		return false
	}
	return true
}

func (n *Node) handleQuery(version uint64, payload []byte, respond func(byte, []byte)) {
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

// askJSON makes a call whose question and answer are JSON.
func askJSON[A any](ctx context.Context, c *transport.Client, method byte, question any) (a A, err error) {
	answer, err := c.Call(ctx, method, asJSON(question))
	if err != nil {
		return a, err
	}
	if err := errorOf(answer.Status, answer.Payload); err != nil {
		return a, err
	}
	return a, json.Unmarshal(answer.Payload, &a)
}

// asJSON encodes a question alike in every version: who reads JSON passes over
// the fields that it does not know.
func asJSON(question any) func(version uint64) ([]byte, error) {
	return func(uint64) ([]byte, error) { return json.Marshal(question) }
}
