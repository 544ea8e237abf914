package api

import (
	"bytes"
	"strconv"
	"sync/atomic"

	"github.com/lockd/lockd/internal/fsm"
)

// frame encodes an event as a server-sent event.
func frame(e *eventBody) []byte {
	var b bytes.Buffer
	b.WriteString("id: ")
	b.WriteString(strconv.FormatUint(e.Revision, 10))
	b.WriteString("\nevent: ")
	b.WriteString(e.Type)
	b.WriteString("\ndata: ")
	b.Write(marshal(e)) // ends with a newline
	b.WriteString("\n")
	return b.Bytes()
}

// frameCache caches the frames of the newest events. All watchers of an event get it at nearly the same time, so only
// the first of them has to encode it.
type frameCache [64]atomic.Pointer[encoded]

type encoded struct {
	event *fsm.Event
	frame []byte
}

// of returns an event's frame. Callers must not modify it.
func (k *frameCache) of(e *fsm.Event) []byte {
	slot := &k[e.Revision%uint64(len(k))]
	if known := slot.Load(); known != nil && known.event == e {
		return known.frame
	}
	fresh := &encoded{e, frame(newEvent(e))}
	slot.Store(fresh)
	return fresh.frame
}
