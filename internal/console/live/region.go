// Package live draws screens that change on a terminal: a region at the end of the output, and a full screen with keys.
package live

import (
	"fmt"
	"io"
	"strings"
)

// Sequences of a terminal.
const (
	clearLine  = "\x1b[K"
	clearBelow = "\x1b[J"
	noWrap     = "\x1b[?7l" // a line that is too long is cut
	wrap       = "\x1b[?7h"
	home       = "\x1b[H"
	enter      = "\x1b[?1049h\x1b[?25l" // the other screen, without a cursor
	leave      = "\x1b[?25h\x1b[?1049l"
)

// A Region is the end of the output on a terminal, which is drawn again in place.
type Region struct {
	To    io.Writer
	lines int // that are on the terminal
}

// Draw replaces the lines of the region. There must be fewer lines than the terminal is high.
func (r *Region) Draw(lines []string) error {
	var b strings.Builder
	b.WriteString(noWrap + "\r")
	if r.lines > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", r.lines)
	}
	b.WriteString(clearBelow)
	for _, line := range lines {
		b.WriteString(line + "\r\n")
	}
	b.WriteString(wrap)
	r.lines = len(lines)
	_, err := io.WriteString(r.To, b.String())
	return err
}
