// Package workload is clients of a lockd cluster that write down what they asked
// and what they were told, for package linear to judge. They speak HTTP
// themselves: they test the contract, and trust no client library.
//
// Everything that they touch of the outside stands in Config, so that they run
// over real sockets in many processes and in a testing/synctest bubble alike.
package workload

import (
	"net/http"
	"strconv"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// Config says who the clients are and what they do.
type Config struct {
	Transport http.RoundTripper
	Nodes     []string             // the base URLs of all nodes
	Now       func() time.Duration // the one clock of the test
	Seed      uint64

	// ID is the beginning of every session and holder. It is unique to a
	// process, and to a run.
	ID string

	Clients  int
	Watchers int // each watches all names by Prefix
	Names    []Name
	Prefix   string // all names begin with it, and no other run's do
	TTL      fsm.Millis
	Mix      Mix // its zero value: a bit of everything

	// Ops ends the clients after about so many operations; 0: ctx alone does.
	Ops int

	Timeout  time.Duration // of one sending, beyond its wait; 0: DefaultTimeout
	Patience time.Duration // for a definite answer; 0: DefaultPatience
	Pause    time.Duration // the longest between two turns of a client; 0: DefaultPause
	Resume   time.Duration // the longest that a stream is left alone; 0: DefaultResume
}

// A Name is a lease that clients want, with the limit that all of them ask for.
type Name struct {
	Name  string
	Limit int
}

// Names returns so many names of a limit, numbered from 0.
func Names(prefix string, count, limit int) []Name {
	names := make([]Name, count)
	for i := range names {
		names[i] = Name{Name: prefix + strconv.Itoa(i), Limit: limit}
	}
	return names
}

// The defaults of a Config.
const (
	DefaultTimeout  = 3 * time.Second
	DefaultPatience = 10 * time.Second
	DefaultPause    = 20 * time.Millisecond
	DefaultResume   = 3 * time.Second
)

// Mix is how often clients do what, each from 0 to 1.
type Mix struct {
	Wait   float64 // of acquires: stand in the queue
	Read   float64 // of turns: only read
	Break  float64 // of turns: break whoever holds a name of limit 1
	Long   float64 // of holds: keep it over some TTLs, and renew it
	Lapse  float64 // of holds: renew only after it must have ended
	Crash  float64 // of holds: never come back
	Repeat float64 // of holds: acquire again while holding
}

// defaultMix lets about every fifth hold end by its time.
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

// grace is what a client that breaks a hold may ask for; fsm.InheritGrace asks
// for nothing.
func (c *Config) graces() []fsm.Millis { return []fsm.Millis{0, c.TTL / 4, fsm.InheritGrace} }
