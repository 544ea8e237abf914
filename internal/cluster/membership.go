package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/leader"
	"github.com/lockd/lockd/internal/transport"
)

const (
	// membershipTimeout bounds one change of the configuration.
	membershipTimeout = 5 * time.Second
	// caughtUp is how many entries a new member may lack when it gets its vote.
	caughtUp = 256
	// recordPause is how often a node looks whether its record is right.
	recordPause = 250 * time.Millisecond
)

// changed waits for a change of the configuration. What Raft refuses for itself
// is told with its reason; what ends with the leadership is not known.
func changed(f raft.IndexFuture) error {
	err := f.Error()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipLost), errors.Is(err, raft.ErrRaftShutdown),
		errors.Is(err, raft.ErrEnqueueTimeout), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return outcome(err)
	}
	return &Failed{"Raft refuses the change: " + err.Error()}
}

// makeRoom removes the member whose name or address a newcomer has: a node that
// was wiped, and comes back as a new member. One that lives keeps its place.
func (t *term) makeRoom(node fsm.Node, servers []raft.Server) error {
	for _, s := range servers {
		id := string(s.ID)
		record, _ := t.n.recordOf(id)
		if record.Name != node.Name && (record.ID != "" || string(s.Address) != node.Peer) {
			continue // an address that another member had once is no matter: servers go by their IDs
		}
		if id == t.n.identity().ID() || t.n.lives(id) {
			return &Failed{fmt.Sprintf("a member that lives has the name %q or the address %s: "+
				"give the new node its own --node-id and --peer-addr", record.Name, node.Peer)}
		}
		t.n.log.Info("a wiped node's former self is removed", "node", record.Name, "id", id)
		if err := t.remove(id); err != nil {
			return err
		}
	}
	return nil
}

// lives reports whether a node answers under its ID.
func (n *Node) lives(id string) bool {
	conn, err := n.dial(context.Background(), transport.KindCall, id, connectTimeout)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

func (t *term) remove(id string) error {
	if err := changed(t.n.raft.RemoveServer(raft.ServerID(id), 0, membershipTimeout)); err != nil {
		return err
	}
	_, err := t.propose(&fsm.RemoveNode{ID: id})
	return err
}

// propose puts a command of this node's own into the log and waits for it.
func (t *term) propose(c fsm.Command) (fsm.Reply, error) {
	ctx, cancel := context.WithTimeout(context.Background(), membershipTimeout)
	defer cancel()
	arrival := t.n.now()
	return await(ctx, func(respond func(fsm.Reply, error)) { t.leader.Submit(c, arrival, respond) })
}

// setNode writes a member's record, if it differs. The budget of the state is bound
// by voters only: a newcomer must not stop the cluster by what it states.
func (t *term) setNode(node fsm.Node) error {
	if t.leader.Version() < 2 || !slices.Contains(t.n.voters(), node.ID) {
		node.MaxState = 0 // version 1 has no form for it
	}
	if known, ok := t.n.recordOf(node.ID); ok && known == node {
		return nil
	}
	c := &fsm.SetNode{Node: node}
	if err := c.Validate(); err != nil {
		return &Failed{err.Error()}
	}
	r, err := t.propose(c)
	if err == nil && !r.Code.OK() {
		return &Failed{fmt.Sprintf("the record was refused: %v", r.Code)}
	}
	return err
}

func (n *Node) recordOf(id string) (node fsm.Node, ok bool) {
	n.replica.view(func(m *fsm.Machine) {
		for _, o := range m.Nodes() {
			if o.ID == id {
				node, ok = o, true
			}
		}
	})
	return node, ok
}

// keepRecords is the leader's job of keeping the cluster's name, its own record
// and the version that every member reads.
func (t *term) keepRecords(ctx context.Context) error {
	ticker := time.NewTicker(recordPause)
	defer ticker.Stop()
	for {
		var cluster string
		t.n.replica.view(func(m *fsm.Machine) { cluster = m.ClusterID() })
		if cluster == "" {
			if _, err := t.propose(&fsm.Found{ClusterID: t.n.identity().Cluster}); err != nil {
				t.n.log.Debug("the cluster's name was not written", "err", err)
			}
		}
		if err := t.setNode(t.n.record()); err != nil {
			t.n.log.Debug("this node's record was not written", "err", err)
		}
		t.agreeOnVersion()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// introduce keeps this node's record in the machine right, learns where others
// are, and asks for a vote where it has none, until ctx ends.
func (n *Node) introduce(ctx context.Context) error {
	ticker := time.NewTicker(recordPause)
	defer ticker.Stop()
	seen := make(map[string]fsm.Node)
	for {
		var records []fsm.Node
		n.replica.view(func(m *fsm.Machine) { records = m.Nodes() })
		for _, r := range records {
			if r != seen[r.ID] {
				seen[r.ID] = r
				n.learn(r)
			}
		}
		n.prune(records)
		if n.term.Load() == nil {
			n.introduceSelf(ctx)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// introduceSelf tells the leader, or while none is known everybody, where this
// node is now: they learn it from the connection itself.
func (n *Node) introduceSelf(ctx context.Context) {
	self := n.record()
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	known, ok := n.recordOf(self.ID)
	leader := n.route().leader
	n.removal.see(n.log, n.membership() == stranger && leader == "" && !n.fresh(), n.now())
	switch {
	case n.membership() == stranger:
		// It was removed, or is about to learn that it is a member: it asks for nothing.
	case leader != "" && n.membership() == learner:
		if err := n.askToJoin(ctx, leader); err != nil {
			n.log.Debug("no vote yet", "err", err)
		}
	case leader != "" && ok && known == self:
	case leader != "":
		if _, err := askJSON[struct{}](ctx, n.client(leader), callIntroduce, self); err != nil {
			n.log.Debug("the leader did not take this node's record", "err", err)
		}
	default:
		for _, s := range n.raft.GetConfiguration().Configuration().Servers {
			if id := string(s.ID); id != self.ID {
				n.introduceTo(ctx, id, self)
			}
		}
		n.rediscover(ctx)
	}
}

// introduceTo tells one node, which is told by the connection alone; its answer
// matters only where it says that this node is no member any more.
func (n *Node) introduceTo(ctx context.Context, id string, self fsm.Node) {
	_, err := askJSON[struct{}](ctx, n.client(id), callIntroduce, self)
	var failed *Failed
	if errors.As(err, &failed) {
		n.removal.refused(n.log, id, failed.Reason)
	}
}

// rediscover asks the addresses to join where the members are now: after all
// addresses changed at once, no record is right.
func (n *Node) rediscover(ctx context.Context) {
	for _, s := range n.finder.Find(ctx) {
		if s.ClusterID == n.identity().Cluster && s.Node.ID != n.identity().ID() {
			n.hearOf(fsm.Node{ID: s.Node.ID, Name: s.Node.Name, Peer: s.Node.Peer, HTTP: s.Node.HTTP})
		}
	}
}

// standing is what a node is in its own newest configuration.
type standing int

const (
	voter standing = iota
	learner
	stranger // it was removed, or has not been told yet
)

func (n *Node) membership() standing {
	servers := n.raft.GetConfiguration().Configuration().Servers
	for _, s := range servers {
		if string(s.ID) == n.identity().ID() {
			if s.Suffrage == raft.Voter {
				return voter
			}
			return learner
		}
	}
	return stranger
}

// acceptIntroduction writes down where a member says that it is.
func (n *Node) acceptIntroduction(node fsm.Node) (struct{}, error) {
	t := n.term.Load()
	if t == nil {
		n.hearOf(node)
		return struct{}{}, fsm.ErrNoLeader
	}
	if !n.knows(node) && !n.proves(node) {
		return struct{}{}, fsm.ErrNotReady // it asks again
	}
	n.learn(node)
	for _, s := range n.raft.GetConfiguration().Configuration().Servers {
		if string(s.ID) == node.ID {
			return struct{}{}, t.setNode(node)
		}
	}
	return struct{}{}, &Failed{removedReason}
}

// Join takes a node in by an operator's wish; it gets its vote when it has caught up.
func (n *Node) Join(ctx context.Context, node fsm.Node) error {
	if err := checkNewcomer(node); err != nil {
		return err
	}
	return n.admin(ctx, callJoin, joinRequest{Node: node}, func() error {
		_, err := n.acceptJoin(joinRequest{Node: node})
		return err
	})
}

// finished waits for a transfer of leadership, which Raft may leave hanging.
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

// transfer is a wish for another leader.
type transfer struct {
	To   string `json:"id"`             // an ID or a name; empty: any other voter
	From string `json:"from,omitempty"` // then: the leader that it is about, by ID
}

// Remove takes a member out, by ID or name.
func (n *Node) Remove(ctx context.Context, id string) error {
	return n.admin(ctx, callRemove, member{id}, func() error {
		_, err := n.removeHere(member{id})
		return err
	})
}

// TransferLeader hands leadership to a member, or, where to is empty, to the
// voter that answered last.
func (n *Node) TransferLeader(ctx context.Context, to string) error {
	wish := transfer{To: to}
	if to == "" {
		// Away from who leads now, and not from whoever is asked again.
		_, leader := n.raft.LeaderWithID()
		if wish.From = string(leader); leader == "" {
			return fsm.ErrNoLeader
		}
	}
	return n.admin(ctx, callTransfer, wish, func() error {
		_, err := n.transferHere(wish)
		return err
	})
}

// admin does an operator's wish here, or asks the leader to. All of these may be
// asked for twice; where one was lost on its way, what comes at the end is unknown.
func (n *Node) admin(ctx context.Context, method byte, question any, here func() error) error {
	unknown := false
	for {
		route := n.route()
		err := fsm.ErrNoLeader
		switch {
		case route.term != nil:
			err = here()
		case route.leader != "":
			_, err = n.ask(ctx, route.leader, method, asJSON(question))
		}
		var failed *Failed
		unknown = unknown || errors.Is(err, fsm.ErrUnknown)
		switch {
		case err == nil, errors.As(err, &failed):
			return err
		case n.again(ctx, route, err):
		case unknown:
			return fsm.ErrUnknown
		default:
			return leader.Definite(err)
		}
	}
}

// find returns the member that an ID or a name means.
func (n *Node) find(id string) (raft.Server, error) {
	for _, s := range n.raft.GetConfiguration().Configuration().Servers {
		record, ok := n.recordOf(string(s.ID))
		if !ok {
			record = n.heardOf(string(s.ID), string(s.Address))
		}
		if string(s.ID) == id || record.Name == id {
			return s, nil
		}
	}
	return raft.Server{}, &Failed{fmt.Sprintf("there is no member %q", id)}
}

func (n *Node) removeHere(m member) (struct{}, error) {
	t := n.term.Load()
	if t == nil {
		return struct{}{}, fsm.ErrNoLeader
	}
	s, err := n.find(m.ID)
	if err != nil {
		return struct{}{}, err
	}
	if voters := n.voters(); len(voters) == 1 && voters[0] == string(s.ID) {
		return struct{}{}, &Failed{"the last voter cannot be removed"}
	}
	if string(s.ID) == n.identity().ID() {
		// The next leader removes this one: whoever asked asks it.
		if _, err := n.transferHere(transfer{From: n.identity().ID()}); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, fsm.ErrNoLeader
	}
	return struct{}{}, t.remove(string(s.ID))
}

func (n *Node) transferHere(wish transfer) (struct{}, error) {
	if n.term.Load() == nil {
		return struct{}{}, fsm.ErrNoLeader
	}
	var moved raft.Future
	if wish.To == "" {
		if wish.From != n.identity().ID() {
			return struct{}{}, nil // another one leads already
		}
		s, ok := n.successor()
		if !ok {
			return struct{}{}, &Failed{"there is no other voter that answers"}
		}
		moved = n.raft.LeadershipTransferToServer(s.ID, s.Address)
	} else {
		s, err := n.find(wish.To)
		switch {
		case err != nil:
			return struct{}{}, err
		case string(s.ID) == n.identity().ID():
			return struct{}{}, nil
		case s.Suffrage != raft.Voter:
			return struct{}{}, &Failed{fmt.Sprintf("%q has no vote", wish.To)}
		case !n.lives(string(s.ID)):
			return struct{}{}, &Failed{fmt.Sprintf("%q does not answer", wish.To)}
		}
		moved = n.raft.LeadershipTransferToServer(s.ID, s.Address)
	}
	switch err := finished(moved); {
	case errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return struct{}{}, fsm.ErrNotReady // it may be this very wish, which was asked for before
	case err != nil && n.raft.State() != raft.Leader:
		return struct{}{}, n.moved(wish) // Raft reports that it lost the leadership, which was the request
	case err != nil:
		return struct{}{}, &Failed{"leadership was not transferred: " + err.Error()}
	}
	return struct{}{}, nil
}

// moved reports on a transfer whose outcome Raft does not state, after this node
// lost its leadership: any other leader will do, or the one that was named.
func (n *Node) moved(wish transfer) error {
	_, leader := n.raft.LeaderWithID()
	switch s, err := n.find(wish.To); {
	case wish.To == "":
		return nil
	case err != nil:
		return err
	case s.ID == leader:
		return nil
	}
	return fsm.ErrNoLeader // the next leader is asked
}
