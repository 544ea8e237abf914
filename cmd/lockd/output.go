package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console"
)

// format is the output format; it is the value of a flag.
type format string

const (
	formatTable format = "table"
	formatJSON  format = "json"
)

func (f *format) String() string { return string(*f) }

// Type names the values.
func (f *format) Type() string { return "table|json" }

// Set sets one of the values.
func (f *format) Set(s string) error {
	if s != string(formatTable) && s != string(formatJSON) {
		return fmt.Errorf("want %s", f.Type())
	}
	*f = format(s)
	return nil
}

// A table has a header and rows with the same number of columns.
type table struct {
	head string // column names, separated by tabs
	rows [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// print prints a response of the cluster, as JSON or as tables.
func (c *cli) print(answer any, tables ...*table) error {
	if c.output == formatJSON {
		return c.printJSON(answer, "  ")
	}
	for i, t := range tables {
		if i > 0 {
			fmt.Fprintln(c.out)
		}
		if err := c.printTable(t); err != nil {
			return err
		}
	}
	return nil
}

// printJSON prints a value and a line break.
func (c *cli) printJSON(answer any, indent string) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", indent)
	if err := enc.Encode(answer); err != nil {
		return err
	}
	_, err := c.out.Write(console.PlainJSON(b.Bytes()))
	return err
}

func (c *cli) printTable(t *table) error {
	w := tabwriter.NewWriter(c.out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, t.head)
	for _, cells := range t.rows {
		for i, cell := range cells {
			cells[i] = cmp.Or(console.Plain(cell), "-")
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	return w.Flush()
}

// Cells. A missing value is empty.

func number[N ~int | ~int64 | ~uint64](n N) string { return fmt.Sprint(n) }

func token(t uint64) string {
	if t == 0 {
		return ""
	}
	return strconv.FormatUint(t, 10)
}

// duration rounds down, so that the rest of a lease is never shown as more.
func duration(m lockd.Millis) string {
	d := m.Duration()
	if d >= time.Minute {
		return d.Truncate(time.Second).String()
	}
	return d.Truncate(100 * time.Millisecond).String()
}

// span formats how long something lasted, to the millisecond.
func span(m lockd.Millis) string { return m.Duration().String() }

func maybe(m *lockd.Millis, show func(lockd.Millis) string) string {
	if m == nil {
		return ""
	}
	return show(*m)
}
