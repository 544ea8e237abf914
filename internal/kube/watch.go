package kube

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/fsm/document"
	"github.com/lockd/lockd/internal/kube/status"
	"github.com/lockd/lockd/internal/kube/table"
	"github.com/lockd/lockd/internal/kube/tree"
)

// A watcher sends the changes of selected objects.
type watcher struct {
	selection
	after     uint64          // changes up to this revision were sent
	initial   *document.Table // whose objects are sent first; nil: none
	marked    bool            // the initial objects end with a bookmark
	bookmarks bool
	send      func([]byte) error
	first     bool // no frame with an object was sent
}

// initialEnd is the annotation of the bookmark after the initial objects.
const initialEnd = "k8s.io/initial-events-end"

// watch answers with a stream of changes. A client that tries a WebSocket first, as fabric8's does, gets an answer that
// ends: it waits for that, and then watches without one.
func (o *operation) watch() {
	if strings.EqualFold(o.Request().Header.Get("Upgrade"), "websocket") {
		send(o, http.StatusOK, nil)
		return
	}
	s, ok := o.selection()
	if !ok {
		return
	}
	w := &watcher{selection: s, first: true, bookmarks: o.query.Get("allowWatchBookmarks") == "true"}
	if !w.start() {
		return
	}
	ctx, send, done, ok := o.Stream()
	if !ok {
		return
	}
	defer done()
	if n, err := strconv.ParseInt(o.query.Get("timeoutSeconds"), 10, 32); err == nil && n > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(n)*time.Second)
		defer cancel()
	}
	w.send = send
	w.run(ctx)
}

// start decides where the watch begins, and with which objects. If that fails, it answers and returns false.
func (w *watcher) start() bool {
	text := w.query.Get("resourceVersion")
	initial := w.query.Get("sendInitialEvents") == "true"
	switch match := w.query.Get("resourceVersionMatch"); {
	case initial && match != "NotOlderThan":
		return w.refuse(invalidOption("resourceVersionMatch", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"))
	case !w.query.Has("sendInitialEvents") && match != "":
		return w.refuse(invalidOption("resourceVersionMatch", "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"))
	case initial && !w.bookmarks:
		w.bookmarks = true // its end would not be seen
	}
	after, refused := version(text)
	if !w.refuse(refused) {
		return false
	}
	if !initial && after > 0 {
		w.after = after
		return w.kept()
	}
	objects, revision, ok := w.fresh()
	if !ok {
		return false
	}
	w.after, w.marked = revision, initial
	if initial || !w.query.Has("sendInitialEvents") {
		w.initial = objects
	}
	return true
}

func invalidOption(field, message string) *status.Status {
	return status.InvalidOptions("ListOptions", []status.Cause{{Reason: "FieldValueForbidden", Message: "Forbidden: " + message, Field: field}})
}

// kept refuses a watch from a revision whose changes are no longer kept.
func (w *watcher) kept() bool {
	now, cancel := context.WithCancel(w.Request().Context())
	cancel()
	_, _, err := w.cfg.Objects.NextObjects(now, w.after, func(*document.Change) bool { return true }, 1)
	if gone, ok := errors.AsType[*fsm.Gone](err); ok {
		return w.refuse(status.TooOld(w.after, gone.Oldest))
	}
	return true
}

// run sends the initial objects and then the changes, until ctx ends.
func (w *watcher) run(ctx context.Context) {
	if !w.begin() {
		return
	}
	for {
		wait, cancel := context.WithTimeout(ctx, w.cfg.Bookmarks)
		changes, upTo, err := w.cfg.Objects.NextObjects(wait, w.after, w.relevant, maxFrames)
		cancel()
		gone, isGone := errors.AsType[*fsm.Gone](err)
		switch {
		case ctx.Err() != nil:
			return
		case isGone:
			_ = w.frame("ERROR", status.TooOld(w.after, gone.Oldest)) // the watch ends with it
			return
		}
		w.after = upTo
		for _, c := range changes {
			if !w.change(c) {
				return
			}
		}
		if len(changes) == 0 && w.bookmarks && !w.bookmark(nil) {
			return
		}
	}
}

// maxFrames bounds the changes that are read together.
const maxFrames = 256

// begin sends the initial objects.
func (w *watcher) begin() bool {
	if w.initial != nil && !w.sendInitial() {
		return false
	}
	if w.marked {
		return w.bookmark(map[string]any{initialEnd: "true"})
	}
	return w.send(nil) == nil
}

func (w *watcher) sendInitial() (ok bool) {
	leave, ok := w.place(0)
	if !ok {
		return false
	}
	defer leave()
	w.each(w.initial, cursor{}, 0, func(_ *document.Document, object map[string]any) bool {
		ok = w.object("ADDED", object)
		return ok
	})
	w.initial = nil
	return ok
}

// relevant reports whether a change may concern the selection.
func (w *watcher) relevant(c *document.Change) bool {
	return c.Before != nil && w.concerns(c.Before) || c.After != nil && w.concerns(c.After)
}

// change sends what a change is for the selection: an object that begins to be selected is added, one that ceases to be is
// deleted.
func (w *watcher) change(c *document.Change) bool {
	if w.form == (table.Form{}) && w.labels.Empty() && w.fields.NameOnly() {
		return w.shared(c)
	}
	before, after := w.selection.object(c.Before), w.selection.object(c.After)
	switch {
	case before == nil && after == nil:
		return true
	case before == nil:
		return w.object("ADDED", after)
	case after != nil:
		return w.object("MODIFIED", after)
	}
	return w.object("DELETED", deletedAt(before, c))
}

func deletedAt(object map[string]any, c *document.Change) map[string]any {
	tree.Set(object, strconv.FormatUint(c.Revision, 10), "metadata", "resourceVersion")
	return object
}

// shared sends what a change is for a watcher that selects objects only by what concerns looks at. Its frame is the same
// for all of these.
func (w *watcher) shared(c *document.Change) bool {
	was, is := c.Before != nil && w.concerns(c.Before), c.After != nil && w.concerns(c.After)
	event := "MODIFIED"
	switch {
	case !was && !is:
		return true
	case !is:
		event = "DELETED"
	case !was:
		event = "ADDED"
	}
	return w.send(w.frames.of(c, w.resource, event, func() []byte {
		if is {
			return frameOf(event, objectOf(w.resource, c.After))
		}
		return frameOf(event, deletedAt(objectOf(w.resource, c.Before), c))
	})) == nil
}

func (w *watcher) object(event string, object map[string]any) bool {
	w.options.Now = w.cfg.Now()
	frame := w.form.Frame(w.resource, object, w.options, w.first)
	w.first = false
	return w.frame(event, frame)
}

// bookmark sends the revision up to which all changes were sent.
func (w *watcher) bookmark(annotations map[string]any) bool {
	meta := map[string]any{"resourceVersion": strconv.FormatUint(w.after, 10), "creationTimestamp": nil}
	if annotations != nil {
		meta["annotations"] = annotations
	}
	object := map[string]any{"apiVersion": w.resource.GroupVersion(), "kind": w.resource.Kind, "metadata": meta}
	if w.resource.Kind != "Event" {
		object["spec"] = map[string]any{}
	}
	return w.frame("BOOKMARK", w.form.Frame(w.resource, object, w.options, false))
}

func (w *watcher) frame(event string, object any) bool {
	return w.send(frameOf(event, object)) == nil
}

func frameOf(event string, object any) []byte {
	return encode(map[string]any{"type": event, "object": object}, false)
}
