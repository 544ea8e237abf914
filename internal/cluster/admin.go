package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/leader"
)

// membershipTimeout bounds one change of the configuration.
const membershipTimeout = 5 * time.Second

// changed waits for a change of the configuration. It returns a refusal if Raft rejects the
// change, and the error of outcome if leadership was lost.
func changed(f raft.IndexFuture) error {
	err := f.Error()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipLost), errors.Is(err, raft.ErrRaftShutdown),
		errors.Is(err, raft.ErrEnqueueTimeout), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return outcomeOf(err)
	}
	return &fsm.Refused{Reason: "Raft refuses the change: " + err.Error()}
}

// finished waits for a transfer of leadership. Raft may never complete it.
func finished(f raft.Future) error {
	done := make(chan error, 1)
	go func() { done <- f.Error() }()
	select {
	case err := <-done:
		return err
	case <-time.After(membershipTimeout):
		return errors.New("it took too long")
	}
}

type member struct {
	ID string `json:"id"` // or its name
}

// transfer requests another leader.
type transfer struct {
	To   string `json:"id"`             // an ID or a name; empty: any other voter
	From string `json:"from,omitempty"` // with an empty To: the leader to replace, by ID
}

// Remove removes a member, by ID or name.
func (n *Node) Remove(ctx context.Context, id string) error {
	return administrator{n}.onLeader(ctx, callRemove, member{id}, func() error {
		_, err := administrator{n}.removeHere(member{id})
		return err
	})
}

// TransferLeader transfers leadership to a member or, if to is empty, to the voter with the
// longest log of those that answer.
func (n *Node) TransferLeader(ctx context.Context, to string) error {
	q := transfer{To: to}
	if to == "" {
		// A repeated request must not replace the next leader, too.
		_, leader := n.raft.LeaderWithID()
		if q.From = string(leader); leader == "" {
			return fsm.ErrNoLeader
		}
	}
	return administrator{n}.onLeader(ctx, callTransfer, q, func() error {
		_, err := administrator{n}.transferHere(q)
		return err
	})
}

// onLeader performs an operator's request here if this node leads, or sends it to the
// leader. All of these requests are idempotent. If an attempt was lost, the outcome is
// unknown unless a later one is answered.
func (n administrator) onLeader(ctx context.Context, method byte, question any, here func() error) error {
	unknown := false
	for {
		route := n.router.route()
		err := fsm.ErrNoLeader
		switch {
		case route.term != nil:
			err = here()
		case route.leader != "":
			_, err = n.router.ask(ctx, route.leader, method, asJSON(question))
		}
		var refused *fsm.Refused
		unknown = unknown || errors.Is(err, fsm.ErrUnknown)
		switch {
		case err == nil, errors.As(err, &refused):
			return err
		case n.router.again(ctx, route, err):
		case unknown:
			return fsm.ErrUnknown
		default:
			return leader.Definite(err)
		}
	}
}

// administrator changes the cluster, as the leader.
type administrator struct{ *Node }

// find returns the member with an ID or a name.
func (n administrator) find(id string) (raft.Server, error) {
	for _, s := range n.raft.servers() {
		record, ok := n.recordOf(string(s.ID))
		if !ok {
			record = n.peers.knownRecord(string(s.ID), string(s.Address))
		}
		if string(s.ID) == id || record.Name == id {
			return s, nil
		}
	}
	return raft.Server{}, &fsm.Refused{Reason: fmt.Sprintf("there is no member %q", id)}
}

func (n administrator) removeHere(m member) (struct{}, error) {
	t := n.term.Load()
	if t == nil {
		return struct{}{}, fsm.ErrNoLeader
	}
	s, err := n.find(m.ID)
	if err != nil {
		return struct{}{}, err
	}
	if voters := n.raft.voters(); len(voters) == 1 && voters[0] == string(s.ID) {
		return struct{}{}, &fsm.Refused{Reason: "the last voter cannot be removed"}
	}
	if alive, voters := n.awaitAnswers(t, string(s.ID)); s.Suffrage == raft.Voter && alive <= voters/2 {
		return struct{}{}, &fsm.Refused{Reason: fmt.Sprintf("only %d of the %d voters that would remain answer, so that the cluster "+
			"would stop; first remove the ones that do not answer", alive, voters)}
	}
	if string(s.ID) == n.self.identity().ID() {
		// The next leader removes this one: the caller repeats the request there.
		if _, err := n.transferHere(transfer{From: n.self.identity().ID()}); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, fsm.ErrNoLeader
	}
	if record, ok := n.recordOf(string(s.ID)); ok {
		if err := t.denyCertificate(record.Name); err != nil {
			return struct{}{}, err
		}
	}
	return struct{}{}, t.remove(string(s.ID))
}

// denyCertificate denies the certificate that a node was last seen with, so that it cannot join again without a new one.
func (t *term) denyCertificate(name string) error {
	if t.n.cfg.Security == nil || t.n.cfg.Security.Serial == nil {
		return nil
	}
	serial := t.n.cfg.Security.Serial(name)
	if serial == "" {
		t.n.log.Warn("the certificate of the removed node is not denied: this node has not seen it", "node", name)
		return nil
	}
	deny := &fsm.ChangeAccess{Change: access.Change{Kind: access.DenyCertificate, Serial: serial}}
	deny.Caller.Local = true
	_, err := t.propose(deny)
	if errors.Is(err, fsm.ErrNotYet) {
		t.n.log.Warn("the certificate of the removed node is not denied: a member is of an older lockd", "node", name, "serial", serial)
		return nil
	}
	return err
}

func (n administrator) transferHere(q transfer) (struct{}, error) {
	if n.term.Load() == nil {
		return struct{}{}, fsm.ErrNoLeader
	}
	var moved raft.Future
	if q.To == "" {
		if q.From != n.self.identity().ID() {
			return struct{}{}, nil // another one leads already
		}
		s, ok := n.successor()
		if !ok {
			return struct{}{}, &fsm.Refused{Reason: "there is no other voter that answers"}
		}
		moved = n.raft.LeadershipTransferToServer(s.ID, s.Address)
	} else {
		s, err := n.find(q.To)
		switch {
		case err != nil:
			return struct{}{}, err
		case string(s.ID) == n.self.identity().ID():
			return struct{}{}, nil
		case s.Suffrage != raft.Voter:
			return struct{}{}, &fsm.Refused{Reason: fmt.Sprintf("%q has no vote", q.To)}
		case !n.peers.lives(string(s.ID)):
			return struct{}{}, &fsm.Refused{Reason: fmt.Sprintf("%q does not answer", q.To)}
		}
		moved = n.raft.LeadershipTransferToServer(s.ID, s.Address)
	}
	switch err := finished(moved); {
	case errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return struct{}{}, fsm.ErrNotReady // it may be an earlier attempt of this request
	case err != nil && n.raft.State() != raft.Leader:
		return struct{}{}, n.moved(q) // Raft reports that it lost the leadership, which was the request
	case err != nil:
		return struct{}{}, &fsm.Refused{Reason: "leadership was not transferred: " + err.Error()}
	}
	return struct{}{}, nil
}

// moved returns the outcome of a transfer after this node lost its leadership: nil if the
// requested node leads, or any other node if none was named.
func (n administrator) moved(q transfer) error {
	_, leader := n.raft.LeaderWithID()
	switch s, err := n.find(q.To); {
	case q.To == "":
		return nil
	case err != nil:
		return err
	case s.ID == leader:
		return nil
	}
	return fsm.ErrNoLeader // the caller repeats the request
}

func (t *term) remove(id string) error {
	if err := changed(t.n.raft.RemoveServer(raft.ServerID(id), 0, membershipTimeout)); err != nil {
		return err
	}
	_, err := t.propose(&fsm.RemoveNode{ID: id})
	return err
}

// awaitAnswers is answering, once enough voters answer. A leader whose term has just begun waits for their first answers.
func (n administrator) awaitAnswers(t *term, without string) (alive, voters int) {
	for {
		alive, voters = n.answering(without)
		if alive > voters/2 || time.Since(t.began) > 4*n.cfg.Heartbeat {
			return alive, voters
		}
		select {
		case <-time.After(awaitPause):
		case <-t.ended:
			return alive, voters
		}
	}
}

// awaitPause is the time between two looks at the answers of a term that has just begun.
const awaitPause = 10 * time.Millisecond

// answering returns how many voters answer the leader, and how many there are, without one of them.
func (n administrator) answering(without string) (alive, voters int) {
	for _, id := range n.raft.voters() {
		if id == without {
			continue
		}
		voters++
		if answered, _ := n.network.transport.LastAnswer(id); id == n.self.identity().ID() || time.Since(answered) < 4*n.cfg.Heartbeat {
			alive++
		}
	}
	return alive, voters
}
