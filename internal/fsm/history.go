package fsm

import "slices"

// history keeps the newest events in chunks. A snapshot or a watch copies the slice of
// chunks; the machine continues meanwhile. Elements of a chunk never change once written.
type history struct {
	chunks []chunk
	bytes  int
	most   int // limit of bytes
	count  int
	// dropped is the revision of the newest event that is no longer kept. It is the oldest
	// revision that a watch can resume from.
	dropped uint64
}

type chunk struct {
	events []*Event
	bytes  int
}

const (
	chunkEvents = 1_024
	chunkBytes  = 1 << 20
)

func (h *history) add(e *Event) {
	last := len(h.chunks) - 1
	if last < 0 || len(h.chunks[last].events) == chunkEvents || h.chunks[last].bytes >= chunkBytes {
		h.chunks = append(h.chunks, chunk{events: make([]*Event, 0, 16)})
		last++
	}
	c := &h.chunks[last]
	c.events = append(c.events, e)
	c.bytes += e.Size()
	h.bytes += e.Size()
	h.count++
	h.trim()
}

// trim drops the oldest events beyond the limits.
func (h *history) trim() {
	for len(h.chunks) > 1 && (h.count > MaxHistoryEvents || h.bytes > h.most) {
		oldest := h.chunks[0]
		h.bytes -= oldest.bytes
		h.count -= len(oldest.events)
		h.dropped = oldest.events[len(oldest.events)-1].Revision
		h.chunks = slices.Delete(h.chunks, 0, 1)
	}
}

// copy returns a copy that later changes do not affect.
func (h *history) copy() history {
	n := *h
	n.chunks = slices.Clone(h.chunks)
	return n
}

// History returns the events that are kept, oldest first, and the oldest revision from
// which a watch can resume without a gap.
func (m *Machine) History() (events []*Event, dropped uint64) {
	events = make([]*Event, 0, m.history.count)
	for _, c := range m.history.chunks {
		events = append(events, c.events...)
	}
	return events, m.history.dropped
}
