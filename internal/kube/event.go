package kube

import (
	"fmt"
	"strings"
	"time"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/fsm/document"
	"github.com/lockd/lockd/internal/kube/resource"
	"github.com/lockd/lockd/internal/kube/schema"
)

// historyEvent returns the Event for an event of a lease.
func historyEvent(d *document.Document) map[string]any {
	e := d.History
	k, _ := document.KeyOfLease(d.Subject)
	at := schema.FormatTime(time.UnixMilli(e.Wall))
	lease := resource.Leases()
	kind := "Normal"
	if e.Type == fsm.EventExpired || e.Type == fsm.EventBroken {
		kind = "Warning"
	}
	return map[string]any{
		"involvedObject": map[string]any{
			"kind": lease.Kind, "apiVersion": lease.GroupVersion(), "namespace": k.Namespace, "name": k.Name, "uid": d.Body,
		},
		"reason": reasonOf(e.Type), "message": messageOf(e), "type": kind, "count": int64(1),
		"firstTimestamp": at, "lastTimestamp": at, "source": map[string]any{"component": "lockd"},
		"reportingComponent": "lockd", "reportingInstance": "",
	}
}

// reasonOf returns the type of an event as the reason of an Event: step_down becomes StepDown.
func reasonOf(t fsm.EventType) string {
	var b strings.Builder
	for _, word := range strings.Split(t.String(), "_") {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// messageOf returns an event in a sentence.
func messageOf(e *fsm.Event) string {
	r := e.Requested()
	held := time.Duration(e.Held) * time.Millisecond
	switch e.Type {
	case fsm.EventAcquired:
		return fmt.Sprintf("%s became leader with the fencing token %d", e.Holder, e.Token)
	case fsm.EventReleased:
		return fmt.Sprintf("%s released the lease after %s", e.Holder, held)
	case fsm.EventExpired:
		return fmt.Sprintf("%s did not renew in time: its hold of %s expired", e.Holder, held)
	case fsm.EventBroken:
		return fmt.Sprintf("the hold of %s was broken by %s: %s", e.Holder, orUnknown(r.By), r.Reason)
	case fsm.EventTransferred:
		return fmt.Sprintf("%s handed over to %s after %s", e.Holder, r.To, held)
	case fsm.EventStepDown:
		return fmt.Sprintf("%s is asked to step down by %s", e.Holder, orUnknown(r.By))
	case fsm.EventDelayed:
		return fmt.Sprintf("the lease is delayed after the hold of %s ended: %s", e.Holder, e.Cause)
	case fsm.EventFree:
		return "the lease is free"
	case fsm.EventReclaimed:
		return e.Holder + " was started again and got a new fencing token"
	case fsm.EventMeta:
		return e.Holder + " changed its meta"
	}
	return e.Type.String()
}

func orUnknown(name string) string {
	if name == "" {
		return "an operator"
	}
	return name
}
