package chaos

import (
	"os"
	"slices"
	"time"

	"github.com/lockd/lockd/test/history/linear"
)

// searchTime bounds the search for one order of all answers. A history that is
// not decided by then is a failure.
const searchTime = 5 * time.Minute

// outlasts is how long a hold may outlast its time beyond what failovers explain:
// faults of a minority of the nodes can delay the entry that ends it, and the
// word of it, for as long as they last.
const outlasts = time.Minute

// judge holds what the clients saw against the promise. Where a directory is named,
// the history and the verdict are kept there.
func (r *result) judge(h *linear.History, keep string) error {
	bounds := linear.Options{Late: outlasts, MaxLateness: outlasts, Timeout: searchTime}
	report := linear.Check(h, bounds)
	r.ops, r.unknown = report.Ops-report.Unknown, report.Unknown
	for _, v := range report.Violations {
		r.violations = append(r.violations, v.String())
	}
	for _, u := range report.Undecided {
		r.violations = append(r.violations, "undecided: "+u)
	}
	for _, d := range report.Disagree {
		r.violations = append(r.violations, "the model and the witness disagree over "+d)
	}
	r.figures["acked"], r.figures["failed"], r.figures["strays"] = report.Acked, report.Failed, report.Strays
	r.figures["events"], r.figures["streams"] = report.Events, report.Streams
	r.figures["expiries"], r.figures["lateness"] = report.Expiries, report.Lateness
	r.figures["failovers_seen"] = len(h.Terms)
	r.figures["check_s"] = report.Took.Round(time.Millisecond).Seconds()
	if keep == "" {
		return nil
	}
	return report.Save(keep, bounds)
}

// keepHistory writes down what somebody saw.
func keepHistory(path string, h *linear.History) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return firstError(h.Write(f), f.Close())
}

// sortedTerms orders the failovers that several processes saw.
func sortedTerms(h *linear.History) {
	slices.SortFunc(h.Terms, func(a, b linear.TermChange) int { return int(a.From - b.From) })
}
