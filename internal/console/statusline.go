package console

import (
	"io"
	"sync"
)

// clearLine moves the cursor of a terminal to the start of its line, and clears the line.
const clearLine = "\r\x1b[K"

// A StatusLine is the last line of a terminal, which changes in place. Log lines are written above it with Write.
type StatusLine struct {
	to io.Writer

	mu   sync.Mutex
	text string // "": there is no status
}

// NewStatusLine returns an empty status line of a terminal.
func NewStatusLine(terminal io.Writer) *StatusLine { return &StatusLine{to: terminal} }

// Set shows a text, which must not be longer than the terminal is wide. "" removes the line.
func (s *StatusLine) Set(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if text != s.text {
		s.text = text
		_, _ = io.WriteString(s.to, clearLine+text) // a status is informational
	}
}

// Write writes whole lines above the status.
func (s *StatusLine) Write(lines []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.text == "" {
		return s.to.Write(lines)
	}
	_, err := io.WriteString(s.to, clearLine+string(lines)+s.text)
	return len(lines), err
}
