package sim

import (
	"crypto/sha256"
	"errors"
	"slices"
	"sort"
	"time"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/test/history/linear"
)

// truth is the committed entries with their times, and the promises to clients. It observes everything and does not
// influence the simulation.
type truth struct {
	w      *world
	broken string // the first broken rule

	committed []time.Duration // time of entry i at i-1
	hashes    map[uint64][sha256.Size]byte
	seen      uint64 // number of entries whose effect is known
	revision  uint64 // revision of the last of them
	reported  uint64 // the highest revision in a response to a client

	holds   map[uint64]*hold // by token
	names   map[string]*timeline
	refused map[string]bool // holder and name that were refused definitely, and have not requested it again
	freed   map[string]bool // holder and name that were released, and have not been requested again
	parked  map[string]bool // the ticket stayed after a refusal
	unsure  map[string]bool // a late copy of a request of theirs may still arrive
	last    uint64          // the highest token
	version uint64          // of the newest entry
	ending  map[uint64]bool // tokens that end with an event of the current entry
	strict  time.Duration   // since when late copies are refused; 0: not yet
	rights  rights

	answeredAt time.Duration // time of the last response to a client
	disturbed  time.Duration // until when a fault may have an effect
}

// hold is one hold, from its grant to its end.
type hold struct {
	name, holder string
	principal    string // empty: it was granted while no credential was needed
	ttl          fsm.Millis
	limit        int // 0: unknown, because it ended in the entry that granted it
	granted      time.Duration
	ended        time.Duration // 0: current
	end          fsm.EventType
	promised     time.Duration // end of the promise to its holder
	waived       bool          // released by its holder, or broken without a grace period
	breaking     bool          // broken by an operator: it ends without an event of its own
	raised       time.Duration // time when its deadline was last set
	quiet        bool          // no disturbance since
}

// timeline is the holders of a name at each revision.
type timeline struct {
	revisions []uint64
	holders   [][]uint64
}

func newTruth(w *world) *truth {
	return &truth{
		w: w, hashes: make(map[uint64][sha256.Size]byte), rights: newRights(), holds: make(map[uint64]*hold), names: make(map[string]*timeline), refused: make(map[string]bool), freed: make(map[string]bool), parked: make(map[string]bool), unsure: make(map[string]bool),
		ending: make(map[uint64]bool),
	}
}

// checksTime reports whether the clocks drift no more than the guarantee allows.
func (t *truth) checksTime() bool { return t.w.cfg.Drift <= 0.0005 }

// commit records when entries were first committed.
func (t *truth) commit(n *node) {
	for uint64(len(t.committed)) < n.commit {
		t.committed = append(t.committed, t.w.now)
		t.rights.commit(n.log[len(t.committed)-1])
	}
}

// applied records the effect of an entry at the first node that applies it, and checks that every other node gets the
// same state.
func (t *truth) applied(n *node, out *fsm.Applied) {
	index := n.replica.Index
	if index%1024 == 0 {
		t.agree(n)
	}
	if index <= t.seen {
		return
	}
	t.seen, t.revision = index, out.Revision
	if t.strict == 0 && n.replica.Machine.Version() >= lateCopies {
		t.strict = t.w.now + felt // earlier requests and holds may still take effect
	}
	if version := n.replica.Machine.Version(); version > t.version {
		if t.version == fsm.EntryVersion-1 && t.w.old {
			t.w.stats.Upgrades++
		}
		t.version = version
	}
	t.w.stats.Entries++
	at := t.committed[index-1]
	clear(t.ending)
	for _, e := range out.Events {
		switch e.Type {
		case fsm.EventReleased, fsm.EventExpired, fsm.EventTransferred, fsm.EventReclaimed:
			t.ending[e.Token] = true
		}
	}
	for _, e := range out.Events {
		t.event(n.replica.Machine, e, at)
	}
	for _, timer := range out.Timers {
		if timer.Kind == fsm.TimerHold && !timer.Clear {
			t.raised(timer.ID)
			if h := t.holds[timer.ID]; h != nil {
				h.ttl = timer.For
			}
			t.w.trace(timer.Name, "entry %d at node %d arms token %d for %v (stamped %t)", index, n.id, timer.ID, timer.For, timer.Stamped)
		}
	}
}

// lateCopies is the version since which the log has the data for refusing late copies.
const lateCopies = 2

// knowsCopies reports whether a late copy of an acquire must be refused.
func (t *truth) knowsCopies() bool { return t.strict > 0 && t.w.now >= t.strict }

// agree compares the state of a node with that of the first node at the same entry.
func (t *truth) agree(n *node) {
	hash := sha256.Sum256(n.written(n.replica.Machine.Snapshot()))
	if other, ok := t.hashes[n.replica.Index]; ok && other != hash {
		t.w.breaks("the states differ at entry %d", n.replica.Index)
	}
	t.hashes[n.replica.Index] = hash
}

func (t *truth) event(m *fsm.Machine, e *fsm.Event, at time.Duration) {
	t.w.digest(e.Revision, uint64(e.Type), e.Token)
	t.w.note(e, at)
	t.w.trace(e.Name, "%v token %d %s, revision %d, committed at %v", e.Type, e.Token, e.Holder, e.Revision, at)
	switch e.Type {
	case fsm.EventAcquired:
		t.granted(m, e, at)
	case fsm.EventReclaimed: // a request of its own session
		t.waive(e.Token)
		t.ended(e, at)
	case fsm.EventReleased, fsm.EventExpired, fsm.EventTransferred:
		t.ended(e, at)
	case fsm.EventBroken:
		t.holds[e.Token].breaking = true
	case fsm.EventDelayed, fsm.EventFree:
		if e.Cause == fsm.EventBroken && t.holds[e.Token].ended == 0 {
			t.ended(&fsm.Event{Type: fsm.EventBroken, Name: e.Name, Token: e.Token, Revision: e.Revision}, at)
		}
	}
}

func (t *truth) granted(m *fsm.Machine, e *fsm.Event, at time.Duration) {
	if t.refused[e.Holder+" "+e.Name] {
		t.w.breaks("%s was refused %s definitely, and is granted it (token %d)", e.Holder, e.Name, e.Token)
	}
	if key := e.Holder + " " + e.Name; t.freed[key] && !t.unsure[key] {
		t.w.breaks("%s released %s, and is granted it by a late copy (token %d)", e.Holder, e.Name, e.Token)
	}
	t.w.stats.Grants++
	if e.Token <= t.last || e.Token != e.Revision {
		t.w.breaks("token %d was granted at revision %d, after token %d", e.Token, e.Revision, t.last)
	}
	t.last = e.Token
	h := &hold{name: e.Name, holder: e.Holder, granted: at, raised: at, quiet: true}
	l := m.Lease(e.Name) // after the entry: the lease may be free, or have another limit
	for _, o := range l.Holds {
		if o.Token == e.Token {
			h.ttl, h.principal, h.limit = o.TTL, o.Principal, l.Limit
		}
	}
	t.holds[e.Token] = h
	line := t.line(e.Name)
	now := slices.Clone(line.now())
	// A broken hold has ended without an event if another session was granted its slot. The state is that after the
	// entry: a hold that ends later in the entry still had its slot.
	for _, token := range line.now() {
		if t.holds[token].breaking && !t.ending[token] && !slices.ContainsFunc(l.Holds, func(o *fsm.Hold) bool { return o.Token == token }) {
			t.ended(&fsm.Event{Type: fsm.EventBroken, Name: e.Name, Token: token, Revision: e.Revision}, at)
			now = slices.DeleteFunc(now, func(o uint64) bool { return o == token })
		}
	}
	line.set(e.Revision, append(now, e.Token))
	if h.limit > 0 && len(now)+1 > h.limit {
		t.w.breaks("%s has %d holders at a limit of %d", e.Name, len(now)+1, h.limit)
	}
}

func (t *truth) ended(e *fsm.Event, at time.Duration) {
	h := t.holds[e.Token]
	if h == nil || h.ended != 0 {
		t.w.breaks("token %d ended (%v) and was not current", e.Token, e.Type)
		return
	}
	h.ended, h.end = max(at, 1), e.Type
	line := t.line(e.Name)
	line.set(e.Revision, slices.DeleteFunc(slices.Clone(line.now()), func(o uint64) bool { return o == e.Token }))
	if t.checksTime() && !h.waived && h.promised > at {
		t.w.breaks("%s lost %s (token %d, %v) %v before its promise ended", h.holder, h.name, e.Token, e.Type, h.promised-at)
	}
	if e.Type == fsm.EventExpired {
		t.w.stats.Expiries++
		t.late(h, at)
	}
}

// late measures how late an undisturbed hold ended.
func (t *truth) late(h *hold, at time.Duration) {
	if !h.quiet || h.raised < t.disturbed || h.ttl > fsm.ShortTTL || !t.checksTime() {
		return
	}
	late := at - h.raised - time.Duration(h.ttl)*time.Millisecond
	t.w.stats.LateMax = max(t.w.stats.LateMax, late)
	if late > lateLimit {
		t.w.breaks("%s ended %v late without a fault", h.name, late)
	}
}

// lateLimit is how late a hold may end without faults: 250 ms, plus the delays of the simulated disk and network.
const lateLimit = 250*time.Millisecond + 2*time.Second

// raised records that a leader set a deadline again.
func (t *truth) raised(token uint64) {
	if h := t.holds[token]; h != nil {
		h.raised, h.quiet = t.w.now, true
	}
}

// disturb records a fault. Lateness of holds that end during its effect is not measured.
func (t *truth) disturb(until time.Duration) {
	t.disturbed = max(t.disturbed, until)
	for _, line := range t.names {
		for _, token := range line.now() {
			t.holds[token].quiet = false
		}
	}
}

// began records that the deadlines of a leader started again.
func (t *truth) began(n *node) {
	t.w.trace("", "n%d begins term %d", n.id, n.term)
	t.w.shifted(t.answeredAt, t.w.now)
	t.disturb(t.w.now)
}

// waive records that a hold has no promise any more.
func (t *truth) waive(token uint64) {
	if h := t.holds[token]; h != nil {
		h.waived = true
	}
}

// promised records that a client relies on a hold until a moment.
func (t *truth) promised(o *op, of string, h *fsm.Hold, label string, until time.Duration) {
	real := t.holds[h.Token]
	switch {
	case real == nil:
		t.w.breaks("%s got a response with token %d, which was never granted", label, h.Token)
	case real.name != of || real.holder != label:
		t.w.breaks("%s got a response with token %d of %s, which belongs to %s and %s", label, h.Token, of, real.holder, real.name)
	case real.ended != 0 && real.ended < o.began:
		t.w.breaks("%s got a response that it holds %s (token %d), %v after the end of that hold", label, of, h.Token, o.began-real.ended)
	case real.ended != 0 && !real.waived && real.ended < until && t.checksTime():
		t.w.breaks("%s was promised %s (token %d) for %v after it had ended (%v)", label, of, h.Token, until-real.ended, real.end)
	default:
		t.w.trace(of, "%s relies on token %d until %v", label, h.Token, until)
		real.promised = max(real.promised, until)
	}
}

// lost records a definite response that a client does not hold the lease.
func (t *truth) lost(o *op, token uint64) {
	if h := t.holds[token]; h != nil && h.ended == 0 && !h.waived && !h.breaking {
		t.w.breaks("%s got a response that it lost %s (token %d), which is current", o.Holder, h.name, token)
	}
}

// asks records a request for a lease.
func (t *truth) asks(o *op) {
	for _, of := range append(o.names, o.Name) {
		delete(t.refused, o.Holder+" "+of)
		if o.Kind != linear.Release {
			delete(t.freed, o.Holder+" "+of)
		}
	}
}

// refusedForGood records a definite refusal without a ticket, after which no attempt is open.
func (t *truth) refusedForGood(o *op, r fsm.Reply, err error) {
	asked := o.Kind == linear.Acquire || o.several == linear.Acquire
	if r.Queued {
		t.parked[o.Holder+" "+o.Name] = true
	}
	reclaims := o.Kind == "" && o.several == "" && o.Limit > 0
	if !asked && !reclaims {
		return
	}
	if o.silent || errors.Is(err, fsm.ErrUnknown) {
		for _, of := range append(o.names, o.Name) {
			t.unsure[o.Holder+" "+of] = true
		}
	}
	if !asked || err == nil && r.Code.OK() || r.Queued {
		return
	}
	for _, of := range append(o.names, o.Name) {
		final := err == nil && r.Code != fsm.CodeAccessRefused // else a ticket of before may be in the queue
		if key := o.Holder + " " + of; (final || !t.parked[key]) && !t.unsure[key] && t.knowsCopies() {
			t.refused[key] = true
		}
	}
}

// answered checks the rules for every response.
func (t *truth) answered(o *op, n *node, r fsm.Reply, err error) {
	t.count(o, r, err)
	t.refusedForGood(o, r, err)
	t.w.trace(o.Name, "%s: %s response of n%d: %v %v rev %d token %d", o.Holder, o.Kind, n.id, r.Code, err, r.Revision, o.Token)
	t.w.record(o, n, r, err)
	if err != nil {
		return
	}
	t.w.digest(r.Revision, uint64(r.Code), uint64(r.ExpiresIn))
	if r.Revision < o.floor {
		t.w.breaks("the response to %s %s has revision %d; a response had revision %d before it was sent", o.Kind, o.Name, r.Revision, o.floor)
	}
	if r.Revision > t.revision {
		t.w.breaks("a response has revision %d, and only %d is committed", r.Revision, t.revision)
	}
	t.reported, t.answeredAt = max(t.reported, r.Revision), t.w.now
	if h := t.holds[o.Token]; o.Kind == linear.Release && h != nil && h.end == fsm.EventReleased && r.Code.OK() && !r.WasHeld && o.sendings == 1 && !o.stray {
		t.w.breaks("%s released %s (token %d) and got a response that there was nothing to release", o.Holder, o.Name, o.Token)
	}
	if o.Kind == linear.Release && r.Code.OK() && t.knowsCopies() {
		t.freed[o.Holder+" "+o.Name] = true
	}
	if o.Kind == linear.Read && r.View != nil {
		t.shown(o.Name, r.Revision, r.View.Lease)
	}
}

// shown checks the lease in a response to a read.
func (t *truth) shown(of string, revision uint64, l *fsm.Lease) {
	var shown []uint64
	for _, h := range l.Holds {
		shown = append(shown, h.Token)
	}
	if real := t.line(of).at(revision); !slices.Equal(shown, real) {
		t.w.breaks("a read of %s at revision %d shows %v; the holders are %v", of, revision, shown, real)
	}
}

func (t *truth) count(o *op, r fsm.Reply, err error) {
	s := &t.w.stats
	switch {
	case err != nil && o.stray:
		s.Unknown++
		return
	case err != nil:
		return
	}
	s.Acked++
	switch {
	case !r.Code.OK() && o.Kind != linear.Read:
		s.Refusals++
	case o.Kind == linear.Renew:
		s.Renewals++
	case o.Kind == linear.Read:
		s.Reads++
	}
}

func (t *truth) line(of string) *timeline {
	l := t.names[of]
	if l == nil {
		l = &timeline{}
		t.names[of] = l
	}
	return l
}

func (l *timeline) now() []uint64 {
	if len(l.holders) == 0 {
		return nil
	}
	return l.holders[len(l.holders)-1]
}

func (l *timeline) set(revision uint64, holders []uint64) {
	slices.Sort(holders)
	l.revisions = append(l.revisions, revision)
	l.holders = append(l.holders, holders)
}

// at returns the holders of the name at a revision.
func (l *timeline) at(revision uint64) []uint64 {
	i := sort.Search(len(l.revisions), func(i int) bool { return l.revisions[i] > revision })
	if i == 0 {
		return nil
	}
	return l.holders[i-1]
}
