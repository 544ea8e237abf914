package agent

import (
	"cmp"
	"context"
	"sync"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
)

// Options configure an Agent.
type Options struct {
	Name    string               // of the lease
	Acquire lockd.AcquireOptions // TTL is required

	// Check returns an error if the service is not healthy; nil: always healthy. While it is not
	// healthy, nothing is acquired and nothing is renewed.
	Check func(context.Context) error

	// ReleaseAtEnd releases the lease when Run ends. Otherwise the lease ends at its deadline,
	// because the service may rely on the last status until then.
	ReleaseAtEnd bool

	// YieldFor is how long the Agent waits, after a step-down request, before it campaigns again,
	// so that another candidate can acquire the lease; 0: a second.
	YieldFor time.Duration

	// AllowedHosts are names that requests may have as Host, in addition to IP addresses and
	// localhost. hosts.ValidPattern describes their form.
	AllowedHosts []string
	// Metrics are those of the client; nil: none.
	Metrics *Metrics
	// OnChange is called at each change of the status and of the service's health, one call at a
	// time.
	OnChange func(change string)
}

// An Agent campaigns and leads until Run ends.
type Agent struct {
	client   *lockd.Client
	opts     Options
	notified chan struct{} // receives a value when something has changed in the cluster

	// mu guards the fields below.
	mu        sync.Mutex
	lease     *lockd.Lease  // the last acquired lease; nil: none
	leader    *lockd.Leader // the last response; nil: none
	unhealthy error         // why the service is not healthy; nil: healthy
	ending    bool          // Run is about to end: the status is empty
	changed   chan struct{} // closed when a field above has changed
}

// New returns an Agent. It does nothing until Run.
func New(client *lockd.Client, opts Options) *Agent {
	opts.YieldFor = cmp.Or(opts.YieldFor, time.Second)
	a := &Agent{client: client, opts: opts, notified: make(chan struct{}, 1), changed: make(chan struct{})}
	if opts.Check != nil {
		a.unhealthy = errUnchecked
	}
	return a
}

// Run campaigns until ctx ends, or until the cluster refuses the call as invalid.
func (a *Agent) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(ctx, a.end)()
	var all sync.WaitGroup
	all.Go(func() { cancel(a.campaign(ctx)) })
	all.Go(func() { a.observe(ctx) })
	all.Go(func() { a.follow(ctx) })
	all.Go(func() { a.checkHealth(ctx) })
	all.Go(func() { a.report(ctx) })
	all.Wait()
	return context.Cause(ctx)
}

// end empties the status, because the service must not rely on a lease that is about to be
// released.
func (a *Agent) end() { a.change(func() { a.ending = true }) }

// change runs f with mu locked, and wakes the goroutines that wait for a change.
func (a *Agent) change(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
	close(a.changed)
	a.changed = make(chan struct{})
}

// A Status is the current leader, if it is known.
type Status struct {
	Name      string       `json:"name"` // the leader's label; "": no leader, or not known
	Leading   bool         `json:"leading"`
	Lease     string       `json:"lease"`
	Holder    string       `json:"holder"` // the label of this agent
	Token     uint64       `json:"token,omitempty"`
	ExpiresIn lockd.Millis `json:"expires_in_ms"` // after that this status is outdated

	ready bool
}

// Status returns the current status.
func (a *Agent) Status() Status {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := Status{Lease: a.opts.Name, Holder: cmp.Or(a.opts.Acquire.Holder, a.client.Holder())}
	if a.ending {
		return s
	}
	if a.lease != nil {
		if left := a.lease.Remaining(); left > 0 {
			s.Name, s.Leading, s.Token, s.ExpiresIn, s.ready = s.Holder, true, a.lease.Token, roundDown(left), true
			return s
		}
	}
	s.ready = a.fresh() > 0
	if left := min(a.leaderLeft(), a.fresh()); left > 0 {
		s.Name, s.Token, s.ExpiresIn = a.leader.Holder, a.leader.Token, roundDown(left)
	}
	return s
}

// fresh returns how long the last response still counts as recent: one TTL. Several responses
// should have followed within that time.
func (a *Agent) fresh() time.Duration {
	if a.leader == nil {
		return 0
	}
	return a.opts.Acquire.TTL - a.leader.Age()
}

// leaderLeft returns how long the last response about the leader is still valid. It does not count
// an earlier hold of this agent whose local deadline has passed.
func (a *Agent) leaderLeft() time.Duration {
	if a.leader == nil || a.lease != nil && a.leader.Token <= a.lease.Token {
		return 0
	}
	return a.leader.Remaining()
}

// roundDown rounds down, so that a remaining time is never reported as more.
func roundDown(d time.Duration) lockd.Millis { return lockd.Millis(d / time.Millisecond) }

// next returns the status, the time until it changes by itself, and a channel that is closed at an
// earlier change.
func (a *Agent) next() (s Status, until time.Duration, changed <-chan struct{}) {
	a.mu.Lock()
	changed = a.changed
	a.mu.Unlock()
	s = a.Status()
	until = clockCheckInterval
	if s.ExpiresIn > 0 {
		until = min(until, s.ExpiresIn.Duration()+time.Millisecond)
	}
	return s, until, changed
}

// clockCheckInterval limits how late subscribers are notified after a jump of the clocks.
const clockCheckInterval = time.Second
