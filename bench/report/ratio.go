package report

import "github.com/lockd/lockd/bench/system"

// Ratio compares a system with others, run by run.
type Ratio struct {
	Values Values // one for each run that counts; above 1: the system is better
	Other  string // the other system that was the best one in most of these runs
}

// headline returns the metric that compares the systems of one load, and whether a larger value is better.
func headline(rows []*Row) (m Metric, larger bool) {
	for _, m := range []Metric{PerSecond, LastWatcher, Outage, Beyond, FirstFresh} {
		for _, row := range rows {
			if len(row.Values(m)) > 0 {
				return m, m == PerSecond
			}
		}
	}
	return "", false
}

// Compare returns the ratio of a row to the best of others, rows with the same load of other systems. Within a run it
// compares the medians. A run counts only if the cell of the row and those of all others are measured and quiet:
// without the best one, the ratio would be too good. Others without any value do not offer the work and are ignored.
func (r *Row) Compare(others []*Row) Ratio {
	m, larger := headline(append([]*Row{r}, others...))
	var all Ratio
	best := make(map[string]int)
	for _, c := range r.Cells {
		own, ok := c.figure(m)
		if !ok {
			continue
		}
		value, name, ok := bestOf(others, c.Run, m, larger)
		if !ok {
			continue
		}
		if larger {
			all.Values = append(all.Values, own/value)
		} else {
			all.Values = append(all.Values, value/own)
		}
		if best[name]++; best[name] > best[all.Other] {
			all.Other = name
		}
	}
	return all
}

// bestOf returns the best figure of one run, and its system.
func bestOf(rows []*Row, run int, m Metric, larger bool) (best float64, name string, ok bool) {
	for _, row := range rows {
		if len(row.Values(m)) == 0 {
			continue
		}
		value, quiet := row.Cell(run).figure(m)
		if !quiet {
			return 0, "", false
		}
		if !ok || (value > best) == larger {
			best, name, ok = value, row.System, true
		}
	}
	return best, name, ok
}

// figure returns the median of a metric. ok is false if the cell cannot be compared.
func (c *Cell) figure(m Metric) (value float64, ok bool) {
	if c.Noisy || len(c.Metrics[m]) == 0 {
		return 0, false
	}
	value = c.Metrics[m].Median()
	return value, value > 0
}

// ratio returns the ratio of a row to the best system of a role. With system.Before, that is the older binary of the
// same system.
func (r *Report) ratio(row *Row, role system.Role) Ratio {
	var others []*Row
	for _, s := range r.Systems {
		if s.Role != role || role == system.Before && s.Of != row.System {
			continue
		}
		k := row.Key
		k.System = s.Name
		if other := r.Find(k); other != nil {
			others = append(others, other)
		}
	}
	return row.Compare(others)
}
