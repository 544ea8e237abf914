package lease

import "slices"

// Events keeps the newest events of all leases, in chunks. A copy has the same chunks: an
// element of a chunk never changes.
type Events struct {
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

// Add adds the newest event.
func (h *Events) Add(e *Event) {
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
func (h *Events) trim() {
	for len(h.chunks) > 1 && (h.count > MaxHistoryEvents || h.bytes > h.most) {
		oldest := h.chunks[0]
		h.bytes -= oldest.bytes
		h.count -= len(oldest.events)
		h.dropped = oldest.events[len(oldest.events)-1].Revision
		h.chunks = slices.Delete(h.chunks, 0, 1)
	}
}

// Keep sets the limit of bytes.
func (h *Events) Keep(bytes int) {
	h.most = bytes
	h.trim()
}

// Reset drops all events up to a revision. The limit stays.
func (h *Events) Reset(revision uint64) { *h = Events{most: h.most, dropped: revision} }

// Len returns the number of events that are kept.
func (h *Events) Len() int { return h.count }

// Bytes returns their approximate size in bytes.
func (h *Events) Bytes() int { return h.bytes }

// Dropped returns the oldest revision from which a watch can resume without a gap.
func (h *Events) Dropped() uint64 { return h.dropped }

// Scan calls f with each event, oldest first.
func (h *Events) Scan(f func(*Event)) {
	for _, c := range h.chunks {
		for _, e := range c.events {
			f(e)
		}
	}
}

// Copy returns a copy that later changes do not affect.
func (h *Events) Copy() Events {
	n := *h
	n.chunks = slices.Clone(h.chunks)
	return n
}
