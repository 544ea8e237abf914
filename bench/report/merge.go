package report

import "slices"

// Renew puts a newer report's rows in the place of this one's of the same works. The
// machine, and how often and how long was measured, must be the same: what was
// measured differently does not stand in one table.
func (r *Report) Renew(by *Report) bool {
	if r.Machine.CPU != by.Machine.CPU || r.Machine.Cores != by.Machine.Cores || r.Runs != by.Runs || r.Duration != by.Duration {
		return false
	}
	for _, s := range by.Systems {
		i := slices.IndexFunc(r.Systems, func(old Version) bool { return old.Name == s.Name })
		if i < 0 {
			r.Systems = append(r.Systems, s)
		} else if s.Missing == "" {
			r.Systems[i] = s
		}
	}
	measured := make(map[string]bool)
	for _, row := range by.Rows {
		measured[row.Work] = true
	}
	r.Rows = slices.DeleteFunc(r.Rows, func(row *Row) bool { return measured[row.Work] })
	r.Rows = append(r.Rows, by.Rows...)
	return true
}
