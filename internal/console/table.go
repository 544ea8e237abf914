package console

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// A Format is the form of what a command prints. It is the value of a flag.
type Format string

// The formats.
const (
	FormatTable Format = "table"
	FormatJSON  Format = "json"
)

func (f *Format) String() string { return string(*f) }

// Type names the values.
func (f *Format) Type() string { return "table|json" }

// Set sets one of the values.
func (f *Format) Set(s string) error {
	if s != string(FormatTable) && s != string(FormatJSON) {
		return fmt.Errorf("want %s", f.Type())
	}
	*f = Format(s)
	return nil
}

// A Table has a header and rows with the same number of columns.
type Table struct {
	Head string // column names, separated by tabs
	Rows [][]string
}

// Add adds a row. An empty cell is shown as -.
func (t *Table) Add(cells ...string) { t.Rows = append(t.Rows, cells) }

// Print writes the table.
func (t *Table) Print(to io.Writer) error {
	w := tabwriter.NewWriter(to, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, t.Head)
	for _, cells := range t.Rows {
		for i, cell := range cells {
			cells[i] = cmp.Or(Plain(cell), "-")
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	return w.Flush()
}

// PrintJSON writes a value and a line break.
func PrintJSON(to io.Writer, v any, indent string) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := to.Write(PlainJSON(b.Bytes()))
	return err
}
