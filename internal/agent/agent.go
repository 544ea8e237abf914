package agent

import (
	"cmp"
	"context"
	"sync"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
)

// Options say how an Agent campaigns.
type Options struct {
	Name    string               // of the lease
	Acquire lockd.AcquireOptions // its TTL must be said

	// Check tells whether the service is well; nil: it always is. While it is not,
	// nothing is acquired and nothing is renewed.
	Check func(context.Context) error

	// ReleaseAtEnd gives the lease back when Run ends. Else it ends at its deadline,
	// since the service may rely until then on what it was told.
	ReleaseAtEnd bool

	// ComeForward is how long another has to ask for a lease that this one was asked
	// to hand over, before it campaigns again; 0: a second.
	ComeForward time.Duration

	// AllowedHosts are names that requests may give as Host, besides IP addresses and
	// localhost: each as hosts.ValidPattern describes.
	AllowedHosts []string
	// Tell is told each change of the status and of the service's health, one after
	// the other.
	Tell func(change string)
}

// An Agent leads, or waits to, until Run ends.
type Agent struct {
	client *lockd.Client
	opts   Options
	told   chan struct{} // takes one word that something has changed in the cluster

	// mu guards the rest.
	mu      sync.Mutex
	lease   *lockd.Lease  // the newest that was acquired; nil: none was
	leader  *lockd.Leader // the newest answer; nil: none came
	ill     error         // why the service is not well
	over    bool          // Run is about to end: nothing is told any more
	changed chan struct{} // closed when something above has changed
}

// New returns an Agent that does nothing yet.
func New(client *lockd.Client, opts Options) *Agent {
	opts.ComeForward = cmp.Or(opts.ComeForward, time.Second)
	a := &Agent{client: client, opts: opts, told: make(chan struct{}, 1), changed: make(chan struct{})}
	if opts.Check != nil {
		a.ill = errUnasked
	}
	return a
}

// Run campaigns until ctx ends, or until campaigning on is pointless, since the
// call is wrong.
func (a *Agent) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(ctx, a.end)()
	var all sync.WaitGroup
	all.Go(func() { cancel(a.campaign(ctx)) })
	all.Go(func() { a.observe(ctx) })
	all.Go(func() { a.follow(ctx) })
	all.Go(func() { a.checkUp(ctx) })
	all.Go(func() { a.report(ctx) })
	all.Wait()
	return context.Cause(ctx)
}

// end ends all answers: the service may be told nothing that a release belies.
func (a *Agent) end() { a.change(func() { a.over = true }) }

// change changes what mu guards, and wakes who waits for that.
func (a *Agent) change(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
	close(a.changed)
	a.changed = make(chan struct{})
}

// A Status is who leads, as far as that is still known.
type Status struct {
	Name      string       `json:"name"` // the leader's label; "": nobody leads, or it is not known who
	Leading   bool         `json:"leading"`
	Lease     string       `json:"lease"`
	Holder    string       `json:"holder"` // this agent's label
	Token     uint64       `json:"token,omitempty"`
	ExpiresIn lockd.Millis `json:"expires_in_ms"` // past that this answer says nothing

	ready bool
}

// Status returns what is known at this moment.
func (a *Agent) Status() Status {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := Status{Lease: a.opts.Name, Holder: cmp.Or(a.opts.Acquire.Holder, a.client.Holder())}
	if a.over {
		return s
	}
	if a.lease != nil {
		if left := a.lease.Remaining(); left > 0 {
			s.Name, s.Leading, s.Token, s.ExpiresIn, s.ready = s.Holder, true, a.lease.Token, whole(left), true
			return s
		}
	}
	s.ready = a.fresh() > 0
	if left := min(a.leaderLeft(), a.fresh()); left > 0 {
		s.Name, s.Token, s.ExpiresIn = a.leader.Holder, a.leader.Token, whole(left)
	}
	return s
}

// fresh returns for how long the newest answer is new enough to be ready by: one
// TTL, in which it should have been repeated some times.
func (a *Agent) fresh() time.Duration {
	if a.leader == nil {
		return 0
	}
	return a.opts.Acquire.TTL - a.leader.Age()
}

// leaderLeft returns for how long the leader that was seen is known. A hold of this
// agent's own that is over by its own deadline is nobody's.
func (a *Agent) leaderLeft() time.Duration {
	if a.leader == nil || a.lease != nil && a.leader.Token <= a.lease.Token {
		return 0
	}
	return a.leader.Remaining()
}

// whole rounds down: what is left of a time is never told as more.
func whole(d time.Duration) lockd.Millis { return lockd.Millis(d / time.Millisecond) }

// next returns the status, when it will have changed by itself, and a channel that
// is closed when it changes before.
func (a *Agent) next() (s Status, until time.Duration, changed <-chan struct{}) {
	a.mu.Lock()
	changed = a.changed
	a.mu.Unlock()
	s = a.Status()
	until = lookEvery
	if s.ExpiresIn > 0 {
		until = min(until, s.ExpiresIn.Duration()+time.Millisecond)
	}
	return s, until, changed
}

// lookEvery bounds how late a jump of the clocks is told to those who follow.
const lookEvery = time.Second
