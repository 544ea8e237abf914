package target

import (
	"github.com/lockd/lockd/bench/echo"
	"github.com/lockd/lockd/bench/lockd"
	"github.com/lockd/lockd/bench/report"
)

// base returns the values that a target's figure is compared with, and their name.
type base func(r *report.Report, t Target) (values report.Values, name string)

// bySystem compares with the same figure of another system.
func bySystem(name, called string) base {
	return func(r *report.Report, t Target) (report.Values, string) {
		k := t.key
		k.System = name
		return of(r, k, t.metric), called
	}
}

// byEcho compares with the figure of echo.
func byEcho() base { return bySystem(echo.Name, "the echo's") }

// byBestPeer compares with the best figure of all other lock services.
func byBestPeer(r *report.Report, t Target) (best report.Values, name string) {
	for _, s := range r.Systems {
		if s.Name == lockd.Name || s.Name == echo.Name {
			continue
		}
		k := t.key
		k.System = s.Name
		values := of(r, k, t.metric)
		if len(values) == 0 {
			continue
		}
		if better := best == nil || (values.Median() > best.Median()) == (t.least > 0); better {
			best, name = values, s.Name+"'s"
		}
	}
	if best == nil {
		name = "the best peer's"
	}
	return best, name
}

// byOwn compares with another figure of lockd.
func byOwn(k report.Key, m report.Metric, called string) base {
	return func(r *report.Report, _ Target) (report.Values, string) { return of(r, k, m), called }
}
