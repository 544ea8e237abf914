package console

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Format is the form of what a command prints. It is the value of a flag.
type Format string

// The formats. FormatWide is FormatTable with all columns.
const (
	FormatTable Format = "table"
	FormatWide  Format = "wide"
	FormatJSON  Format = "json"
)

// Formats returns all formats.
func Formats() []string { return []string{string(FormatTable), string(FormatWide), string(FormatJSON)} }

func (f *Format) String() string { return string(*f) }

// Type names the values.
func (f *Format) Type() string { return strings.Join(Formats(), "|") }

// Set sets one of the values.
func (f *Format) Set(s string) error {
	if !slices.Contains(Formats(), s) {
		return errors.New("want " + f.Type())
	}
	*f = Format(s)
	return nil
}

// A Table has a header and rows with the same number of columns.
type Table struct {
	Head string // column names, separated by tabs
	Rows [][]string
	Cut  []string // names of the columns that may be cut to the width of a terminal
	Drop []string // names of the columns that a terminal does not show if it is too narrow, in this order

	Least []int // minimum widths of the first columns, so that tables with other rows are in line
}

const (
	gap    = "   " // between two columns
	minCut = 8     // a column is not cut to less than this width
	enough = 16    // a column is dropped rather than that another is cut to less than this width
)

// isStateColumn reports whether the cells of a column are colored by ColorOf.
func isStateColumn(name string) bool { return name == "STATE" || name == "STATUS" || name == "OK" }

// Add adds a row. An empty cell is shown as -.
func (t *Table) Add(cells ...string) { t.Rows = append(t.Rows, cells) }

// Print writes the table for a screen.
func (t *Table) Print(to io.Writer, on Screen) error {
	_, err := io.WriteString(to, strings.Join(t.Lines(on), "\n")+"\n")
	return err
}

// Lines returns the lines of the table for a screen.
func (t *Table) Lines(on Screen) []string {
	heads, rows, widths := t.layout()
	dropped := t.dropped(heads, widths, on.Width)
	kept := func(cells []string) (all []string) {
		for i, cell := range cells {
			if !dropped[i] {
				all = append(all, cell)
			}
		}
		return all
	}
	var shown []int
	for i, width := range widths {
		if !dropped[i] {
			shown = append(shown, width)
		}
	}
	heads = kept(heads)
	t.cut(heads, shown, on.Width)
	lines := []string{on.Style.Paint(Bold, line(heads, shown, nil))}
	for _, row := range rows {
		lines = append(lines, line(kept(row), shown, func(column int, cell string) string {
			if isStateColumn(heads[column]) {
				return on.Style.Paint(ColorOf(strings.TrimSpace(cell)), cell)
			}
			return cell
		}))
	}
	return lines
}

// Fits reports whether a screen shows all columns.
func (t *Table) Fits(on Screen) bool {
	heads, _, widths := t.layout()
	return !slices.Contains(t.dropped(heads, widths, on.Width), true)
}

// layout returns the names of the columns, the cells as they are shown, and the width of each column.
func (t *Table) layout() (heads []string, rows [][]string, widths []int) {
	heads, rows = strings.Split(t.Head, "\t"), make([][]string, len(t.Rows))
	widths = make([]int, len(heads))
	for i, head := range heads {
		widths[i] = len(head)
		if i < len(t.Least) {
			widths[i] = max(widths[i], t.Least[i])
		}
	}
	for i, row := range t.Rows {
		rows[i] = make([]string, len(row))
		for j, cell := range row {
			rows[i][j] = cmp.Or(Plain(cell), "-")
			widths[j] = max(widths[j], utf8.RuneCountInString(rows[i][j]))
		}
	}
	return heads, rows, widths
}

// dropped returns which columns a line of the given width does not show; 0: it shows all. A column is dropped if the
// others do not fit even when those that may be cut are.
func (t *Table) dropped(heads []string, widths []int, most int) []bool {
	dropped := make([]bool, len(heads))
	for _, name := range t.Drop {
		total := -len(gap)
		for i, width := range widths {
			if slices.Contains(t.Cut, heads[i]) {
				width = min(width, enough)
			}
			if !dropped[i] {
				total += width + len(gap)
			}
		}
		if i := slices.Index(heads, name); i >= 0 && most > 0 && total > most {
			dropped[i] = true
		}
	}
	return dropped
}

// cut reduces the widths of columns, the widest first, until a line has a width; 0: any.
func (t *Table) cut(heads []string, widths []int, most int) {
	total := len(gap) * (len(heads) - 1)
	for _, width := range widths {
		total += width
	}
	for ; most > 0 && total > most; total-- {
		widest := -1
		for i, head := range heads {
			if slices.Contains(t.Cut, head) && widths[i] > max(minCut, len(head)) && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
	}
}

// line returns cells with the widths of their columns. paint changes a cell after its width is known; nil: no change.
func line(cells []string, widths []int, paint func(column int, cell string) string) string {
	var b strings.Builder
	for i, cell := range cells {
		if cell = Shorten(cell, widths[i]); i < len(cells)-1 {
			cell += strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		}
		if paint != nil {
			cell = paint(i, cell)
		}
		if i > 0 {
			b.WriteString(gap)
		}
		b.WriteString(cell)
	}
	return b.String()
}

// Shorten cuts a text to a width. The last character of a text that was cut is an ellipsis.
func Shorten(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	if width < 1 {
		return ""
	}
	return string([]rune(text)[:width-1]) + "…"
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
