package linear_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockd/lockd/test/history/linear"
)

// checked has bounds that are a little above the lateness of the simulated server.
var checked = linear.Options{Late: 200 * time.Millisecond, MaxLateness: 200 * time.Millisecond, ExactRefusals: true}

func TestValidHistoriesPass(t *testing.T) {
	for name, p := range map[string]plan{
		"one lock":                {clients: 20, names: 1, limit: 1, ops: 40, streams: 1},
		"many locks":              {clients: 60, names: 20, limit: 1, ops: 60, streams: 2},
		"many unknown outcomes":   {clients: 60, names: 20, limit: 1, ops: 60, streams: 3, unknown: 0.1},
		"shared":                  {clients: 40, names: 5, limit: 2, ops: 60, streams: 2, unknown: 0.05},
		"limit above 2":           {clients: 60, names: 3, limit: 5, ops: 40, streams: 1},
		"one lock, three clients": {clients: 3, names: 1, limit: 1, ops: 200, streams: 1, unknown: 0.3},
		"limit 3":                 {clients: 20, names: 2, limit: 3, ops: 60, streams: 2, unknown: 0.02},
	} {
		t.Run(name, func(t *testing.T) {
			for p.seed = range 5 {
				h := simulate(t, p)
				r := linear.Check(&h, checked)
				if err := r.Err(); err != nil {
					t.Errorf("seed %d: %v", p.seed, err)
				}
				if r.Expiries == 0 {
					t.Errorf("seed %d: nothing expired: %s", p.seed, r)
				}
			}
		})
	}
}

// If no outcome is unknown, the model can check a history from responses alone.
func TestWitnessDoesNotPassAHistoryWithoutStreams(t *testing.T) {
	h := simulate(t, plan{clients: 30, names: 10, limit: 1, ops: 50})
	r := linear.Check(&h, checked)
	if len(r.Violations) > 0 || len(r.Undecided) == 0 {
		t.Errorf("%v", r.Err())
	}
}

func TestLargeHistoryIsChecked(t *testing.T) {
	h := simulate(t, plan{clients: 1000, names: 200, limit: 1, ops: 30, streams: 3, unknown: 0.02})
	r := linear.Check(&h, checked)
	if err := r.Err(); err != nil {
		t.Error(err)
	}
	if r.Ops < 30_000 || r.Unknown == 0 {
		t.Errorf("too few operations: %s", r)
	}
	t.Log(r)
}

func TestLoadReadsWhatWriteWrote(t *testing.T) {
	h := simulate(t, plan{clients: 5, names: 2, limit: 1, ops: 20, streams: 1, unknown: 0.1})
	h.Terms, h.Rho = []linear.TermChange{{From: 1, To: 2}}, 0.001
	var file bytes.Buffer
	if err := h.Write(&file); err != nil {
		t.Fatal(err)
	}
	got, err := linear.Load(&file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(h, got); diff != "" {
		t.Error(diff)
	}
}
