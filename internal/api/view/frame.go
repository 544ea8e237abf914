package view

import (
	"bytes"
	"strconv"
	"sync/atomic"

	"github.com/lockd/lockd/internal/fsm"
)

// Frame encodes an event as a server-sent event.
func Frame(e *Event) []byte {
	var b bytes.Buffer
	b.WriteString("id: ")
	b.WriteString(strconv.FormatUint(e.Revision, 10))
	b.WriteString("\nevent: ")
	b.WriteString(e.Type)
	b.WriteString("\ndata: ")
	b.Write(Marshal(e)) // ends with a newline
	b.WriteString("\n")
	return b.Bytes()
}

// Frames caches the frames of the newest events. All watchers of an event get it at nearly the same time, so only
// the first of them has to encode it.
type Frames [64]atomic.Pointer[encoded]

type encoded struct {
	event *fsm.Event
	frame []byte
}

// Of returns an event's frame. Callers must not modify it.
func (k *Frames) Of(e *fsm.Event) []byte {
	slot := &k[e.Revision%uint64(len(k))]
	if known := slot.Load(); known != nil && known.event == e {
		return known.frame
	}
	fresh := &encoded{e, Frame(NewEvent(e))}
	slot.Store(fresh)
	return fresh.frame
}
