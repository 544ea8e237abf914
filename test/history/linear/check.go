package linear

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Options bound what Check asks for.
type Options struct {
	// Late is how long after its last possible end a hold may still stand in the
	// linearizable model; 0: for ever. A failover adds to it by itself.
	Late time.Duration
	// MaxLateness bounds the measured lateness of expiries; 0: it is reported only.
	MaxLateness time.Duration
	// ExactRefusals wants a refusal to show the lease as of the very revision that
	// it shows; else it may be as of any since the newest that was answered before.
	ExactRefusals bool
	// Timeout bounds the search for a linearization; 0: DefaultTimeout.
	Timeout time.Duration
}

// DefaultTimeout is how long a search for a linearization may take.
const DefaultTimeout = time.Minute

// Checker names one of the four ways to judge a history.
type Checker string

// The checkers. None looks at what another one found.
const (
	ByModel    Checker = "model"   // porcupine: some order of the answers is possible
	ByRevision Checker = "witness" // the order that the revisions claim is that one
	ByPromise  Checker = "promise" // nobody else held what was promised; expiries come in time
	ByStreams  Checker = "streams" // tokens grow, and watches tell everything once and in order
)

// A Violation is something that cannot be, had the promise been kept.
type Violation struct {
	By   Checker
	Name string // of the lease; empty where it is about several
	What string
}

func (v Violation) String() string { return fmt.Sprintf("%s: %s: %s", v.By, v.Name, v.What) }

// A Report is the verdict on a history.
type Report struct {
	Ops, Acked, Unknown, Failed int
	Strays                      int // operations of which a sending was left without an answer
	Events, Streams             int
	Expiries                    int // holds that ended by their time
	OldRefusals                 int // showed a lease that was older than the revision with it
	Lateness                    Lateness
	Violations                  []Violation
	Undecided                   []string // what could not be judged: a failure too
	Disagree                    []string // names of which the model and the witness say different things
	Took                        time.Duration

	history *History
	facts   *facts
}

// Check judges a history by all four checkers.
func Check(h *History, o Options) *Report {
	begun := time.Now()
	o.Timeout = cmp.Or(o.Timeout, DefaultTimeout)
	r := &Report{history: h, facts: gather(h), Ops: len(h.Ops), Streams: len(h.Events)}
	r.count()
	r.checkStreams()
	r.checkTokens()
	r.checkPromises(o)
	r.checkRevisions(o)
	r.checkModel(o)
	r.compare()
	r.Took = time.Since(begun)
	return r
}

func (r *Report) count() {
	for i := range r.history.Ops {
		op := &r.history.Ops[i]
		switch op.Result {
		case Done, Refused:
			r.Acked++
		case Unknown:
			r.Unknown++
		case Failed:
			r.Failed++
		}
		if op.Stray {
			r.Strays++
		}
	}
	for _, e := range r.facts.events {
		r.Events++
		if e.Type == expired {
			r.Expiries++
		}
	}
}

// Kinds tells how many operations of each kind had a definite answer.
func (r *Report) Kinds() map[Kind]int {
	kinds := make(map[Kind]int)
	for _, op := range r.history.Ops {
		if op.Result == Done || op.Result == Refused {
			kinds[op.Kind]++
		}
	}
	return kinds
}

func (r *Report) fail(by Checker, name, format string, args ...any) {
	r.Violations = append(r.Violations, Violation{By: by, Name: name, What: fmt.Sprintf(format, args...)})
}

// found reports whether a checker has found anything wrong with a name.
func (r *Report) found(by Checker, name string) bool {
	return slices.ContainsFunc(r.Violations, func(v Violation) bool { return v.By == by && v.Name == name })
}

// compare sets the model's verdict beside the witness's, name by name. Where they
// differ, one of them is wrong, or lockd is in a way that only one can see.
func (r *Report) compare() {
	for _, n := range r.facts.inOrder() {
		model, witness := r.found(ByModel, n.name), r.found(ByRevision, n.name)
		if model != witness {
			r.Disagree = append(r.Disagree, n.name)
		}
	}
}

// Err returns nil where nothing is wrong and nothing is undecided.
func (r *Report) Err() error {
	if len(r.Violations)+len(r.Undecided) == 0 {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s", r)
	for i, v := range r.Violations {
		if i == maxTold {
			fmt.Fprintf(&b, "\n  and %d more", len(r.Violations)-i)
			break
		}
		fmt.Fprintf(&b, "\n  %s", v)
	}
	for _, u := range r.Undecided {
		fmt.Fprintf(&b, "\n  undecided: %s", u)
	}
	for _, d := range r.Disagree {
		fmt.Fprintf(&b, "\n  the model and the witness disagree on %s", d)
	}
	return errors.New(b.String())
}

// maxTold bounds what an error tells.
const maxTold = 20

// String is the verdict in one line.
func (r *Report) String() string {
	share := 0.0
	if r.Ops > 0 {
		share = 100 * float64(r.Unknown) / float64(r.Ops)
	}
	return fmt.Sprintf(
		"ops=%d acked=%d unknown=%.2f%% failed=%d strays=%d events=%d streams=%d expiries=%d old_refusals=%d late_p50=%s late_p99=%s late_max=%s violations=%d undecided=%d disagree=%d checked_in=%s",
		r.Ops, r.Acked, share, r.Failed, r.Strays, r.Events, r.Streams, r.Expiries, r.OldRefusals,
		r.Lateness.P50.Round(time.Millisecond), r.Lateness.P99.Round(time.Millisecond), r.Lateness.Max.Round(time.Millisecond),
		len(r.Violations), len(r.Undecided), len(r.Disagree), r.Took.Round(time.Millisecond))
}
