package api_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/api"
	"github.com/lockd/lockd/internal/api/feed"
	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/watch"
)

// node is a cluster of one node with the real state machine. It applies each command at once, and handles waits as a
// leader does. Its time changes only if a test sets now.
type node struct {
	// mu guards everything below.
	mu        sync.Mutex
	machine   *fsm.Machine
	now       fsm.Millis
	attempts  uint64
	waits     map[fsm.AttemptID]chan fsm.Reply
	events    []*fsm.Event
	dropped   uint64
	changed   chan struct{}
	abandoned []fsm.CancelAcquire

	behind    *access.Table // what the node knows of who may do what before it catches up; nil: everything
	objects   *watch.Hub    // the changes of objects
	fail      error         // the error of Do, Query and the cluster's changes
	hang      bool          // Do does not return before its context ends
	notReady  error
	crowded   bool                  // Join returns fsm.ErrOverloaded
	onCommand func(context.Context) // called before a command is applied
	watching  int
	pages     int    // pages of states that were read
	leave     func() // if set, waits end at once, and a watch without an event calls it
}

func newNode() *node {
	n := &node{}
	n.reset()
	return n
}

// reset makes the node empty, as after newNode.
func (n *node) reset() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.machine, n.now, n.attempts = fsm.New(), 0, 0
	n.waits, n.changed = make(map[fsm.AttemptID]chan fsm.Reply), make(chan struct{})
	n.events, n.dropped, n.abandoned, n.fail, n.objects = nil, 0, nil, nil, watch.New(10, 0)
}

// epoch is the wall time when now is 0, in Unix milliseconds.
const epoch = 1_800_000_000_000

// apply applies a command. The caller must hold mu.
func (n *node) apply(c fsm.Command) fsm.Result {
	a := n.machine.Apply(1, &fsm.Entry{Version: fsm.EntryVersion, Term: 1, Stamp: n.now, Wall: epoch + int64(n.now), Commands: []fsm.Command{c}})
	for _, g := range a.Grants {
		if waiter, ok := n.waits[g.Hold.AttemptID]; ok {
			delete(n.waits, g.Hold.AttemptID)
			waiter <- n.reply(fsm.Result{
				Code: fsm.CodeGranted, Hold: g.Hold, Previous: g.Previous, Revision: g.Revision,
			})
		}
	}
	n.events = append(n.events, a.Events...)
	n.objects.PublishObjects(a.Changes, a.Revision)
	close(n.changed)
	n.changed = make(chan struct{})
	return a.Results[0]
}

// reply adds the values of a leader's clock to a result. The caller must hold mu.
func (n *node) reply(r fsm.Result) fsm.Reply {
	out := fsm.Reply{Result: r, Waited: 0, Now: n.now}
	for _, l := range r.Blocked {
		out.Blocking = append(out.Blocking, n.show(l, 1))
	}
	if r.Hold != nil {
		out.ExpiresIn = expiresIn(r.Hold.TTL)
	}
	for _, h := range r.Holds {
		out.Expiries = append(out.Expiries, expiresIn(h.Hold.TTL))
	}
	if r.Queued {
		out.TicketIn = fsm.TicketGrace
	}
	if r.Lease != nil {
		out.View = n.show(r.Lease, fsm.MaxShown)
	}
	return out
}

func expiresIn(ttl fsm.Millis) fsm.Millis { return ttl - (ttl+999)/1000 }

func (n *node) show(l *fsm.Lease, most int) *fsm.View {
	v := n.machine.Show(l, most)
	v.Fresh = true
	for _, h := range v.Lease.Holds {
		v.Clocks = append(v.Clocks, fsm.Clock{FreeIn: h.TTL, RenewedAgo: v.Now - h.Renewed})
	}
	if len(l.Cooldowns) > 0 {
		v.AvailableIn = l.Cooldowns[0].For
	}
	return v
}

func (n *node) Do(ctx context.Context, c fsm.Command) (fsm.Reply, error) {
	n.mu.Lock()
	if hook := n.onCommand; hook != nil {
		n.mu.Unlock()
		hook(ctx)
		n.mu.Lock()
	}
	if n.fail != nil || n.hang {
		err, hang := n.fail, n.hang
		n.mu.Unlock()
		if hang {
			<-ctx.Done()
			return fsm.Reply{}, fsm.ErrUnknown
		}
		return fsm.Reply{}, err
	}
	if o := n.machine.Check(c, time.Now().UnixMilli()); o != access.Done {
		n.mu.Unlock()
		return fsm.Reply{Result: fsm.Result{Code: fsm.CodeAccessRefused, Outcome: o}}, nil
	}
	if acquire, ok := c.(fsm.Acquiring); ok {
		acquire.AssignAttempts(n.newAttempts)
	}
	r := n.apply(c)
	if r.Code != fsm.CodeQueued {
		reply := n.reply(r)
		if b, ok := c.(*fsm.Break); ok && r.Code.OK() && b.Grace != 0 {
			reply.AvailableIn = max(b.Grace, 9_000)
		}
		n.mu.Unlock()
		return reply, nil
	}
	a, granted := c.(*fsm.Acquire), make(chan fsm.Reply, 1)
	n.waits[a.AttemptID] = granted
	n.mu.Unlock()
	return n.wait(ctx, a, granted)
}

// newAttempts returns the first of so many new attempts.
func (n *node) newAttempts(count int) fsm.AttemptID {
	first := n.attempts + 1
	n.attempts += uint64(count)
	return fsm.AttemptID{Boot: 1, N: first}
}

func (n *node) wait(ctx context.Context, a *fsm.Acquire, granted <-chan fsm.Reply) (fsm.Reply, error) {
	left := time.Duration(a.Wait) * time.Millisecond
	if n.leave != nil {
		left = 0
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case r := <-granted:
		return r, nil
	case <-timer.C:
	case <-ctx.Done():
		return fsm.Reply{}, fsm.ErrUnknown
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.waits, a.AttemptID)
	return n.reply(n.apply(&fsm.EndWait{Name: a.Name, Session: a.Session, AttemptID: a.AttemptID})), nil
}

// AbandonLater does not wait, so that tests see the result at once.
func (n *node) AbandonLater(cancels ...*fsm.CancelAcquire) { n.Abandon(cancels...) }

func (n *node) Abandon(cancels ...*fsm.CancelAcquire) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range cancels {
		n.abandoned = append(n.abandoned, *c)
		delete(n.waits, c.AttemptID)
		n.apply(c)
	}
}

func (n *node) Query(_ context.Context, q fsm.Query, stale bool) (fsm.Answer, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fail != nil && !stale {
		return fsm.Answer{}, n.fail
	}
	show := func(l *fsm.Lease) *fsm.View {
		if stale {
			return n.machine.Show(l, fsm.MaxQueue+fsm.MaxLimit)
		}
		return n.show(l, fsm.MaxQueue+fsm.MaxLimit)
	}
	a := fsm.Answer{Revision: n.machine.Revision(), Age: 7}
	switch q.Kind {
	case fsm.QueryLease:
		a.Views = []*fsm.View{show(n.machine.Lease(q.Name))}
	case fsm.QueryList:
		var page []*fsm.Lease
		page, a.Next = n.machine.Page(q.Selection, q.After, q.Limit)
		for _, l := range page {
			a.Views = append(a.Views, show(l))
		}
	case fsm.QueryHistory, fsm.QueryExplain:
		a.Events = slices.Clone(n.machine.Lease(q.Name).Events())
		slices.Reverse(a.Events)
		if q.Kind == fsm.QueryExplain {
			a.Views, a.Own = []*fsm.View{show(n.machine.Lease(q.Name))}, fsm.OwnOf(n.machine, q.Name, q.Session)
		}
	case fsm.QueryObject:
		a.Object = fsm.Documents(n.machine).Get(q.Object)
	}
	return a, nil
}

func (n *node) Next(
	ctx context.Context, after uint64, match func(*fsm.Event) bool, most int,
) ([]*fsm.Event, uint64, error) {
	for {
		n.mu.Lock()
		var found []*fsm.Event
		for _, e := range n.events {
			if e.Revision > after && match(e) && len(found) < most {
				found = append(found, e)
			}
		}
		dropped, upTo, changed := n.dropped, max(after, n.machine.Revision()), n.changed
		n.mu.Unlock()
		switch {
		case after < dropped:
			return nil, after, &fsm.Gone{Oldest: dropped, Current: upTo}
		case len(found) == most:
			return found, found[most-1].Revision, nil
		case len(found) > 0:
			return found, upTo, nil
		}
		if n.leave != nil && ctx.Err() == nil {
			n.leave()
		}
		select {
		case <-ctx.Done():
			return nil, upTo, ctx.Err()
		case <-changed:
		}
	}
}

// state is an api.State with two leases in a page.
type state struct {
	n                    *node
	leases               *fsm.Leases
	name, prefix, cursor string
}

func (n *node) State(name, prefix string) api.State {
	n.mu.Lock()
	defer n.mu.Unlock()
	return &state{n: n, leases: n.machine.Leases(), name: name, prefix: prefix}
}

func (s *state) Revision() uint64 { return s.leases.Revision() }

func (s *state) Next() (views []*fsm.View, more bool) {
	s.n.mu.Lock()
	defer s.n.mu.Unlock()
	s.n.pages++
	if s.name != "" {
		return []*fsm.View{s.n.machine.Show(s.n.machine.Lease(s.name), fsm.MaxShown)}, false
	}
	page, next := s.leases.Page(fsm.Selection{Prefix: s.prefix}, s.cursor, 2)
	for _, l := range page {
		views = append(views, s.n.machine.Show(l, fsm.MaxShown))
	}
	s.cursor = next
	return views, next != ""
}

// watchers implements api.Events.
type watchers struct{ *node }

func (w watchers) Before(before uint64, match func(*fsm.Event) bool, most int) (events []*fsm.Event, next uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range slices.Backward(w.events) {
		switch {
		case e.Revision >= before || !match(e):
		case len(events) == most:
			return events, events[most-1].Revision
		default:
			events = append(events, e)
		}
	}
	return events, 0
}

func (w watchers) Activity(now int64) []feed.Minute {
	return []feed.Minute{{Start: now, Counts: map[fsm.EventType]uint64{fsm.EventAcquired: 1}}}
}

func (w watchers) Join() (func(), error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.crowded {
		return nil, fsm.ErrOverloaded
	}
	w.watching++
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.watching--
	}, nil
}

// members implements api.Cluster.
type members struct {
	*node
	list []api.Member
}

func (m *members) Status() api.Status {
	revision := m.Here().Revision
	m.mu.Lock()
	defer m.mu.Unlock()
	return api.Status{
		ClusterID: "3b1f6a90c2d84e57", Term: 1, Revision: revision, AppliedIndex: 5, Leader: "n1", Nodes: slices.Clone(m.list),
		Node: api.Self{ID: "n1-a", Name: "n1", HTTP: "http://n1:7400", Peer: "n1:7401", State: "leader", Version: "1.0.0"},
	}
}

func (m *members) Ready() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.notReady
}

func (m *members) Here() api.Here {
	m.mu.Lock()
	defer m.mu.Unlock()
	return api.Here{Node: "n1", Leader: "n1", Revision: m.machine.Revision()}
}

// add adds a member.
func (m *members) add(n api.Member) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.list = append(m.list, n)
}

func (m *members) Remove(_ context.Context, id string) error {
	if m.fail != nil {
		return m.fail
	}
	kept := slices.DeleteFunc(slices.Clone(m.list), func(n api.Member) bool { return n.ID == id || n.Name == id })
	if len(kept) == len(m.list) {
		return &fsm.Refused{Reason: "there is no such member"}
	}
	m.list = kept
	return nil
}

func (m *members) Reports(context.Context) map[string]api.Report {
	return map[string]api.Report{"n2-a": {Version: "1.0.1", Applied: 7}}
}

func (m *members) TransferLeader(_ context.Context, to string) error {
	if m.fail != nil {
		return m.fail
	}
	if to != "" && !strings.HasPrefix(to, "n") {
		return &fsm.Refused{Reason: "there is no such member"}
	}
	return nil
}

// set calls f with mu held.
func (n *node) set(f func(n *node)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f(n)
}

// expire ends a hold as a leader does when the hold has expired.
func (n *node) expire(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := n.machine.Lease(name).Holds[0]
	n.apply(&fsm.Expire{Timer: fsm.TimerHold, Name: name, ID: h.Token, Seq: h.Seq})
}

func (n *node) waiting(name string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.machine.Lease(name).Queue)
}

func (n *node) holders(name string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.machine.Lease(name).Holds)
}

func (n *node) abandons() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.abandoned)
}

func (n *node) watchers() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.watching
}

var errDisk = errors.New("disk on fire")

// noChange returns a command that advances the cluster's clock and changes nothing else.
func noChange() fsm.Command { return &fsm.CancelAcquire{Name: "none", Session: sessionC} }
