package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/lockd/lockd/bench/system"
)

// writeComparison writes the headline figure of every load of every system that is compared, as a table in Markdown.
func (r *Report) writeComparison(w io.Writer) {
	var head []string
	for _, s := range r.Systems {
		if s.Missing == "" {
			head = append(head, s.Name)
		}
	}
	ratios := r.ratioColumns()
	for _, c := range ratios {
		head = append(head, c.head)
	}
	fmt.Fprintf(w, "Ratios are taken within a run: median (least–greatest). **Bold**: at least %g × the best peer. ▼: slower than it.\n", clearly)
	fmt.Fprintf(w, "Times in ms are compared inversely, so that above 1 is always better. ~: a run with more than %g foreign cores, left out.\n\n", r.Quiet)
	fmt.Fprintf(w, "| work | load | figure | %s |\n|%s\n", strings.Join(head, " | "), strings.Repeat("---|", len(head)+3))
	for _, k := range r.loads() {
		rows := make(map[string]*Row)
		var all []*Row
		for _, s := range r.Systems {
			k.System = s.Name
			if row := r.Find(k); row != nil {
				rows[s.Name], all = row, append(all, row)
			}
		}
		m, _ := headline(all)
		if m == "" {
			continue
		}
		cells := []string{k.Work, k.load(), strings.ReplaceAll(string(m), "_", " ")}
		for _, s := range r.Systems {
			if s.Missing == "" {
				cells = append(cells, rows[s.Name].short(m))
			}
		}
		for _, c := range ratios {
			cells = append(cells, r.ratioCell(rows[c.of], c.to))
		}
		fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
	}
}

// ratioColumn is a column with the ratio of one system to others.
type ratioColumn struct {
	head, of string
	to       system.Role
}

func (r *Report) ratioColumns() (all []ratioColumn) {
	for _, s := range r.Systems {
		if s.Missing != "" {
			continue
		}
		switch s.Role {
		case system.Subject:
			all = append(all, ratioColumn{s.Name + " : best peer", s.Name, system.Peer})
		case system.Before:
			all = append(all, ratioColumn{s.Of + " : before", s.Of, system.Before})
		}
	}
	return all
}

// loads returns the keys of all loads that a subject or an older binary was measured with, without their systems.
func (r *Report) loads() (all []Key) {
	known := make(map[Key]bool)
	compared := make(map[string]bool)
	for _, s := range r.Systems {
		compared[s.Name] = s.Role == system.Subject || s.Role == system.Before
	}
	for _, row := range r.Rows {
		k := row.Key
		k.System = ""
		if compared[row.System] && !known[k] {
			known[k] = true
			all = append(all, k)
		}
	}
	return all
}

// short returns the median of a metric, with a mark if a run was noisy.
func (r *Row) short(m Metric) string {
	if r == nil || len(r.Values(m)) == 0 {
		return "–"
	}
	text := Short(r.Values(m).Median())
	if r.Noisy() > 0 {
		text += " ~"
	}
	return text
}

// clearly is the ratio from which a system is clearly better.
const clearly = 1.3

func (r *Report) ratioCell(row *Row, to system.Role) string {
	if row == nil {
		return "–"
	}
	ratio := r.ratio(row, to)
	if len(ratio.Values) == 0 {
		return "–"
	}
	median := ratio.Values.Median()
	text := fmt.Sprintf("%.2f", median)
	switch {
	case median >= clearly:
		text = "**" + text + "**"
	case median < 1:
		text = "▼ " + text
	}
	if len(ratio.Values) > 1 {
		text += fmt.Sprintf(" (%.2f–%.2f)", ratio.Values.Min(), ratio.Values.Max())
	}
	if to == system.Peer {
		text += " " + ratio.Other
	}
	return text
}
