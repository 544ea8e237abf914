package chaos

import (
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/lockd/lockd/test/linear"
)

// historyFile is what a run's history is kept as.
const historyFile = "history.jsonl"

// searchTime bounds the search for one order of all answers. A history that is
// not decided by then is a failure.
const searchTime = 5 * time.Minute

// judge holds what the clients saw against the promise.
func (r *result) judge(h *linear.History) {
	r.figures["maybe_repeated"] = admitRepeats(h)
	report := linear.Check(h, linear.Options{Timeout: searchTime})
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
}

// keepHistory writes down what somebody saw.
func keepHistory(path string, h *linear.History) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return firstError(h.Write(f), f.Close())
}

// admitRepeats marks what a node may have asked for twice, and returns how many
// there are. A node that loses the leader asks the next one again, for its client.
// The first asking may have been granted and have lapsed before, or may still be on
// its way: that takes half a TTL at least, or an election.
func admitRepeats(h *linear.History) (count int) {
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Kind == linear.Acquire && !op.Stray && op.Back-op.Sent >= milliseconds(int(op.TTL))/2 {
			op.Stray = true
			count++
		}
	}
	return count
}

// sortedTerms orders the failovers that several processes saw.
func sortedTerms(h *linear.History) {
	slices.SortFunc(h.Terms, func(a, b linear.TermChange) int { return int(a.From - b.From) })
}

func historyAt(dir string) string { return filepath.Join(dir, historyFile) }
