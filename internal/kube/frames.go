package kube

import (
	"sync/atomic"

	"github.com/lockd/lockd/internal/fsm/document"
	"github.com/lockd/lockd/internal/kube/resource"
)

// frames caches the frames of the newest changes. All watchers of a change send it at nearly the same time, so only the
// first of them has to encode it.
type frames [64]atomic.Pointer[cachedFrame]

type cachedFrame struct {
	change *document.Change
	as     string // the version of the resource
	event  string
	frame  []byte
}

// of returns the frame of a change as an event of a resource, from the cache or from make. Callers must not modify it.
func (f *frames) of(c *document.Change, r resource.Resource, event string, make func() []byte) []byte {
	slot, as := &f[c.Revision%uint64(len(f))], r.GroupVersion()
	if known := slot.Load(); known != nil && known.change == c && known.as == as && known.event == event {
		return known.frame
	}
	fresh := &cachedFrame{c, as, event, make()}
	slot.Store(fresh)
	return fresh.frame
}
