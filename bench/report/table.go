package report

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// WriteTable writes the report as text: the comparison, and a table with all metrics for each work. A cell shows the
// median and, if there are several values, the smallest and the largest in brackets.
func (r *Report) WriteTable(w io.Writer) error {
	fmt.Fprintf(w, "%s, %d cores (%s), Linux %s, %s; %d runs of %s\n", r.Machine.Date, r.Machine.Cores, r.Machine.CPU,
		r.Machine.Kernel, r.Machine.Go, r.Runs, r.Duration)
	for _, s := range r.Systems {
		fmt.Fprintf(w, "%s: %s%s; %s\n", s.Name, s.Version, s.Missing, s.Client)
	}
	fmt.Fprintln(w)
	r.writeComparison(w)
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

// Table has the rows of one work as text.
type Table struct {
	Title string
	Head  []string
	Rows  [][]string
}

// Tables returns the tables of all works, in the order of measurement.
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
		columns = append(columns, column{strings.ReplaceAll(string(m), "_", " "), func(r *Row) string { return r.Values(m).cell() }})
	}
	columns = append(columns,
		column{strings.ReplaceAll(string(Foreign), "_", " "), func(r *Row) string { return r.foreign().cell() }},
		column{"noisy runs", func(r *Row) string { return count(int64(r.Noisy())) }},
		column{"errors", func(r *Row) string { return count(r.Errors()) }},
		column{"note", func(r *Row) string { return r.Note() }})
	t := Table{Title: title, Rows: make([][]string, len(rows))}
	for _, c := range columns {
		t.add(c, rows)
	}
	return t
}

// column is a column of a table. of returns the cell of a row.
type column struct {
	head string
	of   func(*Row) string
}

// add adds a column, unless all of its cells are empty.
func (t *Table) add(c column, rows []*Row) {
	cells := make([]string, len(rows))
	filled := false
	for i, row := range rows {
		cells[i] = c.of(row)
		filled = filled || cells[i] != ""
	}
	if !filled {
		return
	}
	t.Head = append(t.Head, c.head)
	for i, cell := range cells {
		t.Rows[i] = append(t.Rows[i], cmp.Or(cell, "-"))
	}
}

// foreign returns the foreign load of all cells, or nothing if it was not measured.
func (r *Row) foreign() (all Values) {
	for _, c := range r.Cells {
		if c.Measured {
			all = append(all, c.Foreign)
		}
	}
	return all
}

// count returns n as text, or "" for 0.
func count(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// load returns the load of a key as text.
func (k Key) load() string {
	var parts []string
	if k.Nodes > 0 {
		parts = append(parts, fmt.Sprintf("nodes=%d", k.Nodes))
	}
	if k.Crowd > 0 {
		parts = append(parts, fmt.Sprintf("%d waits and watchers", k.Crowd))
	}
	if k.Leases > 0 {
		parts = append(parts, fmt.Sprintf("%d leases", k.Leases))
	}
	if k.Watchers > 0 {
		parts = append(parts, fmt.Sprintf("%d watchers", k.Watchers))
	}
	if k.Clients > 0 {
		parts = append(parts, fmt.Sprintf("C=%d", k.Clients))
	}
	if k.Rate > 0 {
		parts = append(parts, fmt.Sprintf("%g/s", k.Rate))
	}
	return strings.Join(parts, " ")
}

// cell returns the median and, in brackets, the range.
func (v Values) cell() string {
	switch {
	case len(v) == 0:
		return ""
	case v.Min() == v.Max():
		return Short(v[0])
	}
	return fmt.Sprintf("%s [%s–%s]", Short(v.Median()), Short(v.Min()), Short(v.Max()))
}

// Short formats a value with about three digits, and a whole number without decimals.
func Short(v float64) string {
	switch {
	case v >= 100 || v == float64(int64(v)):
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}
