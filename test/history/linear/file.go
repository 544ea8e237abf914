package linear

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// line is one line of a history file. One member is set.
type line struct {
	Rho    float64     `json:"rho,omitempty"`
	Op     *Op         `json:"op,omitempty"`
	Stream *Stream     `json:"stream,omitempty"`
	Term   *TermChange `json:"term,omitempty"`
}

// Write writes the history as lines of JSON.
func (h *History) Write(w io.Writer) error {
	buffered := bufio.NewWriter(w)
	e := json.NewEncoder(buffered)
	err := e.Encode(line{Rho: h.Rho})
	for i := range h.Ops {
		err = errors.Join(err, e.Encode(line{Op: &h.Ops[i]}))
	}
	for i := range h.Events {
		err = errors.Join(err, e.Encode(line{Stream: &h.Events[i]}))
	}
	for i := range h.Terms {
		err = errors.Join(err, e.Encode(line{Term: &h.Terms[i]}))
	}
	return errors.Join(err, buffered.Flush())
}

// Load reads the output of Write. If the input holds the files of several processes, they are merged.
func Load(r io.Reader) (History, error) {
	var h History
	for d := json.NewDecoder(r); ; {
		var l line
		switch err := d.Decode(&l); {
		case errors.Is(err, io.EOF):
			return h, nil
		case err != nil:
			return h, fmt.Errorf("read a line of a history: %w", err)
		case l.Op != nil:
			h.Ops = append(h.Ops, *l.Op)
		case l.Stream != nil:
			h.Events = append(h.Events, *l.Stream)
		case l.Term != nil:
			h.Terms = append(h.Terms, *l.Term)
		}
		h.Rho = max(h.Rho, l.Rho)
	}
}

// Merge merges what several processes recorded of one run, on one clock.
func Merge(parts ...History) History {
	var all History
	for _, h := range parts {
		all.Ops = append(all.Ops, h.Ops...)
		all.Events = append(all.Events, h.Events...)
		all.Terms = append(all.Terms, h.Terms...)
		all.Rho = max(all.Rho, h.Rho)
	}
	return all
}
