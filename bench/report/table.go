package report

import (
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
	var metrics []Metric
	for _, m := range Metrics() {
		for _, row := range rows {
			if len(row.Metrics[m]) > 0 {
				metrics = append(metrics, m)
				break
			}
		}
	}
	t := Table{Title: title, Head: []string{"system", "load"}}
	for _, m := range metrics {
		t.Head = append(t.Head, strings.ReplaceAll(string(m), "_", " "))
	}
	t.Head = append(t.Head, "errors", "")
	for _, row := range rows {
		cells := []string{row.System, row.load()}
		for _, m := range metrics {
			cells = append(cells, row.Metrics[m].cell())
		}
		t.Rows = append(t.Rows, append(cells, strconv.FormatInt(row.Errors, 10), row.Note))
	}
	return t
}

// load is what a row's key says beside work and system.
func (k Key) load() string {
	var said []string
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
	switch len(v) {
	case 0:
		return "-"
	case 1:
		return short(v[0])
	}
	return fmt.Sprintf("%s [%s–%s]", short(v.Median()), short(v.Min()), short(v.Max()))
}

// short shows three digits, and whole numbers whole.
func short(v float64) string {
	switch {
	case v >= 100 || v == float64(int64(v)):
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}
