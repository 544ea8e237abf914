package report

import "slices"

// Merge replaces the rows of all works that a newer report has. It changes nothing and returns false if the machine,
// the number of runs, the duration or the limit of foreign load differs, because such figures are not comparable.
func (r *Report) Merge(newer *Report) bool {
	if r.Machine.CPU != newer.Machine.CPU || r.Machine.Cores != newer.Machine.Cores || r.Runs != newer.Runs ||
		r.Duration != newer.Duration || r.Quiet != newer.Quiet {
		return false
	}
	for _, s := range newer.Systems {
		if known := slices.ContainsFunc(r.Systems, func(old System) bool { return old.Name == s.Name }); !known || s.Missing == "" {
			r.Add(s)
		}
	}
	measured := make(map[string]bool)
	for _, row := range newer.Rows {
		measured[row.Work] = true
	}
	r.Rows = slices.DeleteFunc(r.Rows, func(row *Row) bool { return measured[row.Work] })
	r.Rows = append(r.Rows, newer.Rows...)
	return true
}
