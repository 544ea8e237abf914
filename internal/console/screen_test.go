package console

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

func TestWarningsAreColoredOnATerminalOnly(t *testing.T) {
	for style, want := range map[Style]string{{colored: true}: "lockd: job: \x1b[33mwarning:\x1b[0m no node\\u001b[2J; retrying\n", {}: "lockd: job: warning: no node\\u001b[2J; retrying\n"} {
		var out bytes.Buffer
		line := NewStatusLine(&out)
		w := &Warnings{To: line, About: "job: ", Style: style}
		written := make(chan struct{})
		w.To = writerFunc(func(b []byte) (int, error) { defer close(written); return line.Write(b) })
		slog.New(w).Warn("lockd: no node\x1b[2J")
		<-written
		if out.String() != want {
			t.Errorf("%q, want %q", out.String(), want)
		}
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func TestLogLinesAreWrittenAboveTheStatus(t *testing.T) {
	var out bytes.Buffer
	s := NewStatusLine(&out)
	s.Set("waiting 1s")
	_, _ = s.Write([]byte("a line\n"))
	s.Set("waiting 2s")
	s.Set("waiting 2s") // no change
	s.Set("")
	_, _ = s.Write([]byte("another\n"))
	if want := "\r\x1b[Kwaiting 1s\r\x1b[Ka line\nwaiting 1s\r\x1b[Kwaiting 2s\r\x1b[Kanother\n"; out.String() != want {
		t.Errorf("%q", out.String())
	}
}

func TestColumnsAreCutAndDroppedToFitAWidth(t *testing.T) {
	table := Table{Head: "NAME\tHOLDER\tURL", Cut: []string{"NAME", "URL"}, Drop: []string{"URL"}}
	table.Add(strings.Repeat("n", 40), "w", strings.Repeat("u", 40))
	for width, want := range map[int]string{
		0:  strings.Repeat("n", 40) + "   w        " + strings.Repeat("u", 40),
		50: strings.Repeat("n", 18) + "…   w        " + strings.Repeat("u", 18) + "…",
		43: strings.Repeat("n", 33) + "…   w",
	} {
		if got := table.Lines(Screen{Width: width})[1]; got != want {
			t.Errorf("width %d: %q, want %q", width, got, want)
		}
	}
}
