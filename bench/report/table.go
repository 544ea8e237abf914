package report

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// WriteTable shows a report: a table for each work, with the median and, where
// there are several values, the least and the greatest in brackets.
func (r *Report) WriteTable(w io.Writer) error {
	fmt.Fprintf(w, "%s, %d cores (%s), Linux %s, %s; %d runs of %s\n", r.Machine.Date, r.Machine.Cores, r.Machine.CPU,
		r.Machine.Kernel, r.Machine.Go, r.Runs, r.Duration)
	for _, s := range r.Systems {
		fmt.Fprintf(w, "%s: %s%s\n", s.Name, s.Version, s.Missing)
	}
	for _, t := range r.Tables() {
		fmt.Fprintf(w, "\n%s\n", t.Title)
		out := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
		for _, cells := range append([][]string{t.Head}, t.Rows...) {
			fmt.Fprintln(out, strings.Join(cells, "\t")+"\t")
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// A Table is the rows of one work, as text.
type Table struct {
	Title string
	Head  []string
	Rows  [][]string
}

// Tables are those of all works, in the order in which they were measured.
func (r *Report) Tables() (all []Table) {
	of := make(map[string][]*Row)
	var works []string
	for _, row := range r.Rows {
		if of[row.Work] == nil {
			works = append(works, row.Work)
		}
		of[row.Work] = append(of[row.Work], row)
	}
	for _, work := range works {
		all = append(all, table(work, of[work]))
	}
	return all
}

func table(title string, rows []*Row) Table {
	columns := []column{
		{"system", func(r *Row) string { return r.System }},
		{"load", func(r *Row) string { return r.load() }},
	}
	for _, m := range Metrics() {
		columns = append(columns, column{strings.ReplaceAll(string(m), "_", " "), func(r *Row) string { return r.Metrics[m].cell() }})
	}
	columns = append(columns,
		column{"errors", func(r *Row) string { return count(r.Errors) }},
		column{"note", func(r *Row) string { return r.Note }})
	t := Table{Title: title, Rows: make([][]string, len(rows))}
	for _, c := range columns {
		t.add(c, rows)
	}
	return t
}

// A column shows something of each row.
type column struct {
	head string
	of   func(*Row) string
}

// add leaves out a column that says nothing.
func (t *Table) add(c column, rows []*Row) {
	cells := make([]string, len(rows))
	said := false
	for i, row := range rows {
		cells[i] = c.of(row)
		said = said || cells[i] != ""
	}
	if !said {
		return
	}
	t.Head = append(t.Head, c.head)
	for i, cell := range cells {
		t.Rows[i] = append(t.Rows[i], cmp.Or(cell, "-"))
	}
}

func count(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// load is what a row's key says beside work and system.
func (k Key) load() string {
	var said []string
	if k.Nodes > 0 {
		said = append(said, fmt.Sprintf("nodes=%d", k.Nodes))
	}
	if k.Crowd > 0 {
		said = append(said, fmt.Sprintf("%d waits and watchers", k.Crowd))
	}
	if k.Leases > 0 {
		said = append(said, fmt.Sprintf("%d leases", k.Leases))
	}
	if k.Watchers > 0 {
		said = append(said, fmt.Sprintf("%d watchers", k.Watchers))
	}
	if k.Clients > 0 {
		said = append(said, fmt.Sprintf("C=%d", k.Clients))
	}
	if k.Rate > 0 {
		said = append(said, fmt.Sprintf("%g/s", k.Rate))
	}
	return strings.Join(said, " ")
}

// cell shows the median and, in brackets, what it lies between.
func (v Values) cell() string {
	switch {
	case len(v) == 0:
		return ""
	case v.Min() == v.Max():
		return Short(v[0])
	}
	return fmt.Sprintf("%s [%s–%s]", Short(v.Median()), Short(v.Min()), Short(v.Max()))
}

// Short shows three digits, and whole numbers whole.
func Short(v float64) string {
	switch {
	case v >= 100 || v == float64(int64(v)):
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}
