package chaos

import (
	"os"
	"slices"
	"time"

	"github.com/lockd/lockd/test/history/linear"
)

// searchTime bounds the search for a valid order of all responses. A history that is not decided by then is a
// failure.
const searchTime = 5 * time.Minute

// outlasts is how long an expiry may be delayed in addition to failovers: faults of a minority of nodes can delay the
// entry that ends the hold, and its event, until the faults end.
const outlasts = time.Minute

// judge checks the history of the clients. If keep is not empty, the history and the result are saved in that
// directory.
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
		r.violations = append(r.violations, "the model and the witness disagree about "+d)
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

// keepHistory writes a history to a file.
func keepHistory(path string, h *linear.History) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return firstError(h.Write(f), f.Close())
}

// sortedTerms sorts the failovers that several processes observed.
func sortedTerms(h *linear.History) {
	slices.SortFunc(h.Terms, func(a, b linear.TermChange) int { return int(a.From - b.From) })
}
