// Package waiting shows the progress of a wait for a lease.
package waiting

import (
	"context"
	"fmt"
	"io"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console"
	"github.com/lockd/lockd/internal/console/leases"
)

const (
	quiet     = time.Second     // a wait that is shorter is not reported
	redraw    = time.Second     // how often the elapsed time changes on a terminal
	readEvery = 2 * time.Second // how often the state of the lease is read for a terminal
	readTime  = 2 * time.Second // limits one read
)

// Progress describes a wait for a lease, and the place where its progress is shown.
type Progress struct {
	Client *lockd.Client
	Name   string // of the lease
	Holder string // label of this waiter; "": that of Client

	Line  *console.StatusLine // on a terminal
	Width func() int          // of the terminal
	To    io.Writer           // without a terminal: receives one line
}

// Run shows the progress until ctx ends. On a terminal it keeps one line current, and removes it at the end. Otherwise it
// writes one line if the wait is longer than a second. It only reads the lease: the wait itself does not depend on it.
func (p Progress) Run(ctx context.Context) {
	began := time.Now()
	if !console.Pause(ctx, quiet) {
		return
	}
	if p.Line == nil {
		if s := p.read(ctx); s != nil {
			fmt.Fprintf(p.To, "lockd: %s: waiting: %s\n", p.Name, console.Plain(p.place(s, 0)))
		}
		return
	}
	defer p.Line.Set("")
	var state *lockd.State
	var at time.Time
	for {
		if time.Since(at) >= readEvery {
			if s := p.read(ctx); s != nil || time.Since(at) >= 3*readEvery {
				state = s
			}
			at = time.Now()
		}
		if ctx.Err() != nil {
			return
		}
		p.Line.Set(p.text(state, time.Since(began), time.Since(at)))
		if !console.Pause(ctx, redraw) {
			return
		}
	}
}

// read returns the state of the lease, or nil if no node has answered in time.
func (p Progress) read(ctx context.Context) *lockd.State {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	s, err := p.Client.Get(ctx, p.Name)
	if err != nil {
		return nil
	}
	return s
}

// text returns the line for a terminal, for a state of a given age.
func (p Progress) text(s *lockd.State, elapsed, age time.Duration) string {
	text := fmt.Sprintf("lockd: %s: waiting %s", p.Name, elapsed.Truncate(time.Second))
	if s != nil {
		text += ", " + p.place(s, age)
	}
	return console.Shorten(console.Plain(text), p.Width()-1)
}

// place describes the place in the queue and the holder, for a state of a given age.
func (p Progress) place(s *lockd.State, age time.Duration) string {
	text := ""
	holder := p.Holder
	if holder == "" {
		holder = p.Client.Holder()
	}
	for i, w := range s.Queue {
		if w.Holder == holder {
			text = fmt.Sprintf("%s of %d, ", ordinal(i+1), max(s.QueueLength, i+1))
			break
		}
	}
	switch {
	case s.Holder != "":
		text += "held by " + leases.Holders(s)
	case s.AvailableIn != nil:
		return text + "available in " + rest(*s.AvailableIn, age)
	default:
		return text + "the lease is free"
	}
	if left := leases.FreeIn(s); left != nil {
		text += ", free within " + rest(*left, age)
	}
	return text
}

// rest returns what is left of a time that was read some time ago, in whole seconds, rounded up.
func rest(left lockd.Millis, age time.Duration) string {
	return (max(left.Duration()-age, 0) + time.Second - 1).Truncate(time.Second).String()
}

func ordinal(n int) string {
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			return fmt.Sprintf("%dst", n)
		case 2:
			return fmt.Sprintf("%dnd", n)
		case 3:
			return fmt.Sprintf("%drd", n)
		}
	}
	return fmt.Sprintf("%dth", n)
}
