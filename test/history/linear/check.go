package linear

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Options configure Check.
type Options struct {
	// Late is how long after its last possible end the model still allows a hold; 0: without limit. A failover
	// extends it.
	Late time.Duration
	// MaxLateness bounds the measured lateness of expiries; 0: it is only reported.
	MaxLateness time.Duration
	// ExactRefusals requires that a refusal shows the lease at the revision of the refusal. Otherwise the lease may
	// be of any revision since the latest that was known when the request was sent.
	ExactRefusals bool
	// Timeout bounds the search for a linearization; 0: DefaultTimeout.
	Timeout time.Duration
}

// DefaultTimeout is the default of Options.Timeout.
const DefaultTimeout = time.Minute

// A Checker is one of the four ways to check a history.
type Checker string

// The checkers. They are independent of one another.
const (
	ByModel    Checker = "model"   // porcupine finds a valid order of the responses
	ByRevision Checker = "witness" // the order of the revisions is a valid order
	ByPromise  Checker = "promise" // no other session held the lease before a promise ended; expiries are in time
	ByStreams  Checker = "streams" // tokens increase; watches deliver each event once, in order
)

// A Violation is an observation that contradicts the guarantees of lockd.
type Violation struct {
	By   Checker
	Name string // name of the lease; empty if the violation concerns several
	What string
}

func (v Violation) String() string { return fmt.Sprintf("%s: %s: %s", v.By, v.Name, v.What) }

// A Report is the result of Check.
type Report struct {
	Ops, Acked, Unknown, Failed int
	Strays                      int // operations with an attempt that got no response
	Events, Streams             int
	Expiries                    int // holds that expired
	OldRefusals                 int // refusals that showed a lease older than their revision
	Lateness                    Lateness
	Violations                  []Violation
	Undecided                   []string // what could not be checked; also a failure
	Disagree                    []string // names for which the model and the witness disagree
	Took                        time.Duration

	history *History
	facts   *facts
}

// Check runs all four checkers on a history.
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

// Kinds returns the number of operations of each kind that had a definite response.
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

// found reports whether a checker found a violation of a name.
func (r *Report) found(by Checker, name string) bool {
	return slices.ContainsFunc(r.Violations, func(v Violation) bool { return v.By == by && v.Name == name })
}

// compare compares the results of the model and the witness for each name. If they differ, one of them is wrong, or
// lockd has a state that only one of them can see.
func (r *Report) compare() {
	for _, n := range r.facts.inOrder() {
		model, witness := r.found(ByModel, n.name), r.found(ByRevision, n.name)
		if model != witness {
			r.Disagree = append(r.Disagree, n.name)
		}
	}
}

// Err returns nil if there is no violation and nothing is undecided.
func (r *Report) Err() error {
	if len(r.Violations)+len(r.Undecided) == 0 {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s", r)
	for i, v := range r.Violations {
		if i == maxReported {
			fmt.Fprintf(&b, "\n  and %d more", len(r.Violations)-i)
			break
		}
		fmt.Fprintf(&b, "\n  %s", v)
	}
	for _, u := range r.Undecided {
		fmt.Fprintf(&b, "\n  undecided: %s", u)
	}
	for _, d := range r.Disagree {
		fmt.Fprintf(&b, "\n  the model and the witness disagree about %s", d)
	}
	return errors.New(b.String())
}

// maxReported is the number of violations that an error lists.
const maxReported = 20

// String returns the result in one line.
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
