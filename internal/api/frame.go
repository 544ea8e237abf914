package api

import (
	"bytes"
	"strconv"
	"sync/atomic"

	"github.com/lockd/lockd/internal/fsm"
)

// frame encodes what a stream tells as one server-sent event.
func frame(e *eventBody) []byte {
	var b bytes.Buffer
	b.WriteString("id: ")
	b.WriteString(strconv.FormatUint(e.Revision, 10))
	b.WriteString("\nevent: ")
	b.WriteString(e.Type)
	b.WriteString("\ndata: ")
	b.Write(marshal(e)) // ends with a line's end
	b.WriteString("\n")
	return b.Bytes()
}

// A frameCache has the frames of the newest events. An event goes to all of its
// watchers at nearly the same time: it is encoded for the first of them.
type frameCache [64]atomic.Pointer[encoded]

type encoded struct {
	event *fsm.Event
	frame []byte
}

// of returns an event's frame, which nobody may change.
func (k *frameCache) of(e *fsm.Event) []byte {
	slot := &k[e.Revision%uint64(len(k))]
	if known := slot.Load(); known != nil && known.event == e {
		return known.frame
	}
	fresh := &encoded{e, frame(newEvent(e))}
	slot.Store(fresh)
	return fresh.frame
}
