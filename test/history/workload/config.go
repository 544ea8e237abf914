// Package workload runs clients of a lockd cluster that record their requests and responses, for package linear to
// check. The clients send HTTP themselves: they test the API and do not depend on a client library. All their
// dependencies are in Config, so that they run over sockets in many processes and in a testing/synctest bubble.
package workload

import (
	"net/http"
	"strconv"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// Config configures the clients.
type Config struct {
	Transport http.RoundTripper
	Nodes     []string             // base URLs of all nodes
	Now       func() time.Duration // clock of the test
	Seed      uint64

	// ID is the prefix of every session and holder. It is unique to a process and a run.
	ID string

	Clients  int
	Watchers int // each watches all names with Prefix
	Names    []Name
	Prefix   string // prefix of all names, unique to the run
	TTL      fsm.Millis
	Mix      Mix // zero: defaultMix

	// Ops stops the clients after about this many operations; 0: only ctx stops them.
	Ops int

	Timeout  time.Duration // of one attempt, in addition to its wait; 0: DefaultTimeout
	Patience time.Duration // time limit for a definite response; 0: DefaultPatience
	Pause    time.Duration // longest pause between two operations of a client; 0: DefaultPause
	Resume   time.Duration // longest time before a stream is cut; 0: DefaultResume
}

// A Name is the name of a lease, with the limit and the TTL that all clients request.
type Name struct {
	Name  string
	Limit int
	TTL   fsm.Millis // 0: Config.TTL
}

// Names returns count names with the same limit, numbered from 0.
func Names(prefix string, count, limit int) []Name {
	names := make([]Name, count)
	for i := range names {
		names[i] = Name{Name: prefix + strconv.Itoa(i), Limit: limit}
	}
	return names
}

// LongTTL is above 60 s. Only such holds can end early because of a cluster clock that runs ahead.
const LongTTL fsm.Millis = 90_000

// LongNames returns count names with limit 1 and LongTTL, numbered from 0. Clients renew them as often as the others.
func LongNames(prefix string, count int) []Name {
	names := Names(prefix, count, 1)
	for i := range names {
		names[i].TTL = LongTTL
	}
	return names
}

// Defaults of Config.
const (
	DefaultTimeout  = 3 * time.Second
	DefaultPatience = 10 * time.Second
	DefaultPause    = 20 * time.Millisecond
	DefaultResume   = 3 * time.Second
)

// Mix is the probability of each action, from 0 to 1.
type Mix struct {
	Wait   float64 // of acquires: wait in the queue
	Read   float64 // of operations: read only
	Break  float64 // of operations: break the hold of a name with limit 1
	Long   float64 // of holds: keep it for several TTLs, with renewals
	Lapse  float64 // of holds: renew only after it must have expired
	Crash  float64 // of holds: stop without a release
	Repeat float64 // of holds: acquire again while holding
}

// defaultMix lets about every fifth hold expire.
func defaultMix() Mix {
	return Mix{Wait: 0.5, Read: 0.2, Break: 0.02, Long: 0.05, Lapse: 0.1, Crash: 0.1, Repeat: 0.1}
}

func (c *Config) setDefaults() {
	if c.Mix == (Mix{}) {
		c.Mix = defaultMix()
	}
	if c.TTL == 0 {
		c.TTL = fsm.MinTTL
	}
	for _, d := range []struct {
		of *time.Duration
		to time.Duration
	}{
		{&c.Timeout, DefaultTimeout}, {&c.Patience, DefaultPatience},
		{&c.Pause, DefaultPause}, {&c.Resume, DefaultResume},
	} {
		if *d.of == 0 {
			*d.of = d.to
		}
	}
}

// graces returns the grace periods that a client requests when it breaks a hold; fsm.InheritGrace requests none.
func (c *Config) graces() []fsm.Millis { return []fsm.Millis{0, c.TTL / 4, fsm.InheritGrace} }
