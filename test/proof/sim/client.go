package sim

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/test/history/linear"
)

// A client is one process that acquires leases, works, and sometimes crashes, sleeps or lets a lease expire. It has
// one open operation at a time.
type client struct {
	w      *world
	id     int
	rate   float64 // rate of its clock, which starts at zero
	lives  int
	paused bool
	later  []func()

	began     time.Duration // true time of the start of the process
	session   string
	principal string // with authentication
	token     string // the ID of the token that it uses
	label     string
	ttl       fsm.Millis
	held      []held
	plan      int // renewals before its next action
	seen      linear.Holder
	seenOf    string
}

// held is one lease that a client relies on until its deadline.
type held struct {
	name  string
	token uint64
	until time.Duration // deadline on its own clock
}

func newClient(w *world, id int) *client {
	c := &client{w: w, id: id, rate: w.drift(), principal: principal(id)}
	c.live()
	w.after(w.between(0, 2*time.Second), c.step)
	return c
}

// live starts a new process with a new session.
func (c *client) live() {
	c.lives++
	c.label = fmt.Sprintf("c%d.%d", c.id, c.lives)
	c.token, c.began = c.w.operator.tokens[c.principal], c.w.now
	c.session = secretOf(c.label)
	c.held = nil
	// One TTL per process: a late request with a shorter TTL shortens a later hold of the same session, which is not
	// an error of lockd.
	c.ttl = ttls()[c.w.rng.IntN(len(ttls()))]
}

func (c *client) local() time.Duration { return time.Duration(float64(c.w.now) * c.rate) }

// trueTime returns the true time of a moment on the client's clock.
func (c *client) trueTime(local time.Duration) time.Duration {
	return time.Duration(float64(local) / c.rate)
}

func (c *client) after(d time.Duration, do func()) {
	c.w.after(time.Duration(float64(d)/c.rate), func() { c.run(do) })
}

func (c *client) run(do func()) {
	if c.paused {
		c.later = append(c.later, do)
		return
	}
	do()
}

func (c *client) resume() {
	c.paused = false
	later := c.later
	c.later = nil
	for _, do := range later {
		c.w.after(c.w.between(0, time.Millisecond), func() { c.run(do) })
	}
}

// step does the client's next action.
func (c *client) step() {
	w := c.w
	switch {
	case len(c.held) > 0 && c.plan > 0 && !w.closing:
		c.plan--
		c.renew()
	case len(c.held) > 0:
		c.finish()
	case w.closing:
	case w.chance(0.15):
		c.read()
	case w.chance(0.01):
		c.breakIt()
	case w.chance(0.05):
		c.acquireAll()
	default:
		c.acquire()
	}
}

func (c *client) next(d time.Duration) { c.after(d, c.step) }

func (c *client) think() { c.next(c.w.between(10*time.Millisecond, time.Second)) }

// ttls returns the TTLs that clients request. Renewals of the last one are logged.
func ttls() []fsm.Millis { return []fsm.Millis{1_000, 1_000, 2_000, 5_000, 10_000, 15_000, 90_000} }

func leaseName(i int) string { return fmt.Sprintf("lease-%d", i) }

// limitOf returns limit 2 for every fifth lease, and 1 for the others.
func limitOf(i int) int {
	if i%5 == 4 {
		return 2
	}
	return 1
}

func (c *client) acquire() {
	w := c.w
	i := w.rng.IntN(w.cfg.Names)
	var wait fsm.Millis
	if w.chance(0.6) {
		wait = fsm.Millis(w.between(100*time.Millisecond, 15*time.Second) / time.Millisecond)
	}
	var delay fsm.Millis
	if i == 1 && !w.cfg.History { // package linear does not support delays
		delay = 200
	}
	priority := w.rng.IntN(3) - 1
	o := c.begin(linear.Op{
		Kind: linear.Acquire, Name: leaseName(i), Session: c.session, Holder: c.label, Limit: limitOf(i), TTL: c.ttl, Wait: wait,
	})
	o.call = func() fsm.Command {
		return &fsm.Acquire{
			Name: o.Name, Holder: o.Holder, Session: o.Session, TTL: o.TTL, Wait: wait, Limit: o.Limit,
			Delay: delay, Priority: priority,
		}
	}
	o.then = func(r fsm.Reply, err error) {
		switch {
		case err != nil:
			c.live() // what it was granted, if anything, expires
		case r.Code.OK():
			c.learn(o, o.Name, r.Hold, r.Waited, r.ExpiresIn)
			c.plan = w.rng.IntN(6)
			c.next(c.pause())
			return
		case w.chance(0.5):
			c.live()
		}
		c.think()
	}
	o.send()
}

func (c *client) acquireAll() {
	w := c.w
	c.live()
	names := []string{leaseName(0), leaseName(1)}
	o := c.begin(linear.Op{Session: c.session, Holder: c.label, TTL: c.ttl, Limit: 1})
	o.several, o.names = linear.Acquire, names
	o.call = func() fsm.Command {
		return &fsm.AcquireAll{Names: names, Holder: o.Holder, Session: o.Session, TTL: o.TTL}
	}
	o.then = func(r fsm.Reply, err error) {
		if err != nil || !r.Code.OK() {
			c.live()
			c.think()
			return
		}
		for i, h := range r.Holds {
			c.learn(o, h.Name, h.Hold, r.Waited, r.Expiries[i])
		}
		c.plan = w.rng.IntN(4)
		c.next(c.pause())
	}
	o.send()
}

// pause returns the time to the next renewal: a third of the TTL, and sometimes so long that the lease expires.
func (c *client) pause() time.Duration {
	third := time.Duration(c.ttl) * time.Millisecond / 3
	if c.w.chance(0.06) {
		return c.w.between(third, 5*third)
	}
	return c.w.between(third/2, third)
}

func (c *client) renew() {
	if len(c.held) > 1 {
		c.renewAll()
		return
	}
	h := c.held[0]
	o := c.begin(linear.Op{Kind: linear.Renew, Name: h.name, Session: c.session, Holder: c.label, Token: h.token})
	o.call = func() fsm.Command { return &fsm.Renew{Name: h.name, Session: o.Session, Token: h.token} }
	o.then = func(r fsm.Reply, err error) {
		switch {
		case err != nil: // the old deadline remains valid
		case r.Code.OK():
			c.learn(o, h.name, r.Hold, r.Waited, r.ExpiresIn)
		case r.Code == fsm.CodeAccessRefused:
			c.workOn()
		default:
			c.lost(o, h)
			c.live()
		}
		c.next(c.pause())
	}
	o.send()
}

func (c *client) renewAll() {
	o := c.begin(linear.Op{Session: c.session, Holder: c.label})
	o.several, o.held = linear.Renew, slices.Clone(c.held)
	o.call = func() fsm.Command { return &fsm.RenewSession{Session: o.Session} }
	o.then = func(r fsm.Reply, err error) {
		switch {
		case err != nil:
		case r.Code.OK():
			for i, h := range r.Holds {
				c.learn(o, h.Name, h.Hold, r.Waited, r.Expiries[i])
			}
		case r.Code == fsm.CodeAccessRefused:
			c.workOn()
		default:
			for _, h := range c.held {
				c.lost(o, h)
			}
			c.live()
		}
		c.next(c.pause())
	}
	o.send()
}

// workOn keeps what the client relies on after a refusal of its credential: nothing is lost before its deadline.
func (c *client) workOn() {
	c.held = slices.DeleteFunc(c.held, func(h held) bool { return h.until <= c.local() })
	if len(c.held) == 0 {
		c.live()
	}
}

// finish releases or transfers a lease, or lets it expire.
func (c *client) finish() {
	w := c.w
	h := c.held[0]
	c.held = c.held[1:]
	switch {
	case w.closing || w.chance(0.3): // it crashes, or does not release
		c.live()
		c.think()
	case w.cfg.History: // package linear supports neither of these
		c.release(h)
	case w.chance(0.1):
		c.transfer(h)
	case w.chance(0.1):
		c.reclaim(h)
	default:
		c.release(h)
	}
}

// reclaim acquires a hold again, as a restarted process does whose previous process may still work.
func (c *client) reclaim(h held) {
	w := c.w
	w.truth.waive(h.token)
	o := c.begin(linear.Op{Name: h.name, Session: c.session, Holder: c.label, TTL: c.ttl, Limit: cmp.Or(w.truth.holds[h.token].limit, 1)})
	o.call = func() fsm.Command {
		return &fsm.Acquire{Name: h.name, Holder: o.Holder, Session: o.Session, TTL: o.TTL, Limit: o.Limit, Reclaim: true}
	}
	o.then = func(r fsm.Reply, err error) {
		if err != nil || !r.Code.OK() {
			c.live()
			c.think()
			return
		}
		c.learn(o, h.name, r.Hold, r.Waited, r.ExpiresIn)
		c.plan = w.rng.IntN(3)
		c.next(c.pause())
	}
	o.send()
}

// transfer transfers a lease to a waiter of another client, if there is one.
func (c *client) transfer(h held) {
	w := c.w
	w.truth.waive(h.token)
	to := w.clients[w.rng.IntN(len(w.clients))].label
	o := c.begin(linear.Op{Name: h.name, Session: c.session, Holder: c.label, Token: h.token})
	o.call = func() fsm.Command {
		return &fsm.Transfer{Name: h.name, Session: o.Session, Token: h.token, To: to}
	}
	o.then = func(r fsm.Reply, err error) {
		if err == nil && r.Code.OK() {
			c.think()
			return
		}
		c.release(h) // no waiter has this label, or the outcome is unknown
	}
	o.send()
}

func (c *client) release(h held) {
	w := c.w
	w.truth.waive(h.token)
	o := c.begin(linear.Op{Kind: linear.Release, Name: h.name, Session: c.session, Holder: c.label, Token: h.token})
	o.call = func() fsm.Command { return &fsm.Release{Name: h.name, Session: o.Session, Token: h.token} }
	o.then = func(r fsm.Reply, err error) {
		// After a refusal of its credential, an earlier copy of the release may still arrive: the session is not used again.
		if err != nil || r.Code == fsm.CodeAccessRefused || w.chance(0.5) && len(c.held) == 0 {
			c.live()
		}
		c.think()
	}
	o.send()
}

func (c *client) read() {
	i := c.w.rng.IntN(c.w.cfg.Names)
	o := c.begin(linear.Op{Kind: linear.Read, Name: leaseName(i), Holder: c.label})
	o.then = func(r fsm.Reply, err error) {
		if err == nil && r.View != nil && len(r.View.Lease.Holds) > 0 {
			h := r.View.Lease.Holds[0]
			c.seenOf, c.seen = o.Name, linear.Holder{Holder: h.Holder, Token: h.Token}
		}
		c.think()
	}
	o.send()
}

// breakIt breaks the last hold it saw, at once or after the promise to its holder has ended.
func (c *client) breakIt() {
	if c.seen.Token == 0 {
		c.think()
		return
	}
	token, of, grace := c.seen.Token, c.seenOf, fsm.InheritGrace
	c.seen = linear.Holder{}
	if c.w.chance(0.5) {
		grace = 0
		c.w.truth.waive(token)
	}
	o := c.begin(linear.Op{Kind: linear.Break, Name: of, Holder: c.label, Token: token, Grace: grace})
	o.call = func() fsm.Command {
		return &fsm.Break{Name: of, Token: token, Reason: "seen in a read", By: c.label, Grace: grace}
	}
	o.then = func(fsm.Reply, error) { c.think() }
	o.send()
}

// learn records a response that confirms a hold until sent + waited + expires.
func (c *client) learn(o *op, of string, h *fsm.Hold, waited, expires fsm.Millis) {
	until := o.last + time.Duration(waited+expires)*time.Millisecond
	c.w.truth.promised(o, of, h, c.label, c.trueTime(until))
	for i := range c.held {
		if c.held[i].token == h.Token {
			c.held[i].until = max(c.held[i].until, until)
			return
		}
	}
	c.held = append(c.held, held{of, h.Token, until})
}

// lost records a definite response that reports a loss.
func (c *client) lost(o *op, h held) { c.w.truth.lost(o, h.token) }

// An op is one operation and its retries.
type op struct {
	linear.Op
	c        *client
	call     func() fsm.Command // nil for a read
	then     func(fsm.Reply, error)
	floor    uint64        // highest revision in any response when it was first sent
	began    time.Duration // true time
	last     time.Duration // time of the last attempt, on the client's clock
	until    time.Duration // time when the client gives up, on its clock
	tries    int
	sendings int
	silent   bool        // an attempt of the client got no response
	stray    bool        // an attempt got no response or an indefinite one
	several  linear.Kind // for several names: the kind to record
	names    []string    // acquire: all names
	held     []held      // renew: all holds
}

func (c *client) begin(o linear.Op) *op {
	o.Client = fmt.Sprint(c.id)
	o.Sent = c.w.now
	return &op{
		Op: o, c: c, floor: c.w.truth.reported, began: c.w.now,
		until: c.local() + 10*time.Second + time.Duration(o.Wait)*time.Millisecond,
	}
}

// send sends the operation to a node, and after a timeout to another.
func (o *op) send() {
	c, w := o.c, o.c.w
	o.tries++
	o.sendings++
	try := o.tries
	o.last, o.Last = c.local(), w.now
	w.truth.asks(o)
	w.trace(o.Name, "%s: sends %s ttl %d token %d", o.Holder, o.Kind, o.TTL, o.Token)
	n := w.nodes[w.rng.IntN(len(w.nodes))]
	token := c.token // of this attempt: the client may have another one when it arrives
	var made *call
	answered := false
	answer := func(r fsm.Reply, err error) {
		if o.tries != try || answered {
			return
		}
		answered = true
		c.run(func() { o.answered(n, r, err) })
	}
	boot := n.boot
	deliver := func() {
		n.run(boot, func() {
			var command fsm.Command
			from := w.operator.caller(n, c.principal, token)
			if o.call != nil {
				command = o.call()
				*command.(fsm.Guarded).From() = from
			}
			made = n.do(command, fsm.Query{Kind: fsm.QueryLease, Name: o.Name, Caller: from}, o.Wait, func(r fsm.Reply, err error) {
				o.stray = o.stray || made != nil && made.unknown() // an attempt between nodes was unknown
				w.toClient(func() { answer(r, err) })
			})
		})
	}
	switch {
	case !n.up:
		w.after(time.Millisecond, func() { answer(fsm.Reply{}, fsm.ErrNotReady) })
	default:
		w.toClient(deliver)
		if o.repeats() && w.chance(0.02) {
			w.after(w.between(0, 200*time.Millisecond), deliver)
		}
	}
	c.after(w.between(2*time.Second, 6*time.Second)+time.Duration(o.Wait)*time.Millisecond, func() {
		if o.tries != try || answered {
			return
		}
		o.stray, o.silent = true, true
		if made != nil {
			made.gone()
		}
		answer(fsm.Reply{}, fsm.ErrUnknown)
	})
}

// repeats reports whether a late copy changes only how long the hold lasts.
func (o *op) repeats() bool { return o.Kind == linear.Renew || o.Kind == linear.Read }

// toClient delivers a message between a client and a node.
func (w *world) toClient(deliver func()) {
	if w.chance(0.002 + w.net.loss/4) {
		return
	}
	w.after(w.delay(), deliver)
}

func (o *op) answered(n *node, r fsm.Reply, err error) {
	c, w := o.c, o.c.w
	if errors.Is(err, fsm.ErrUnknown) {
		o.stray, o.silent = true, true
	}
	if err != nil && c.local() < o.until && (o.Token != 0 || !w.chance(0.1)) {
		c.after(w.between(20*time.Millisecond, 500*time.Millisecond), o.send)
		return
	}
	if err == nil && r.Code == fsm.CodeAccessRefused {
		w.stats.AccessRefused++
		c.token = w.operator.tokens[c.principal]
	}
	o.tries++
	w.stats.Ops++
	w.truth.answered(o, n, r, err)
	o.then(r, err)
}
