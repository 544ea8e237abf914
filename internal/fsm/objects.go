package fsm

import (
	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm/document"
	"github.com/lockd/lockd/internal/fsm/lease"
)

// objectHost is the machine as the host of its documents, for one command.
type objectHost struct {
	*Machine
	refused Result // why the lease refused the last Hold
}

// Revise implements document.Host.
func (o *objectHost) Revise() uint64 {
	o.revision++
	return o.revision
}

// Changed implements document.Host.
func (o *objectHost) Changed(c *document.Change) { o.applied.Changes = append(o.applied.Changes, c) }

// Count implements document.Host.
func (o *objectHost) Count(subject string, bytes int) { o.leases.CountBytes(subject, bytes) }

// Fits implements document.Host.
func (o *objectHost) Fits(subject string, more int) document.Outcome {
	switch {
	case o.full(more):
		return document.Full
	case !o.leases.Fits(lease.Growth{Name: subject, Usage: lease.Usage{Bytes: more}}):
		return document.OverQuota
	}
	return document.Done
}

// session returns the session of a holder of a Lease. No client can send it.
func (o *objectHost) session(subject, holder string) string {
	return access.SealSession(o.salt, document.Prefix+"\x00"+subject+"\x00"+holder)
}

// Hold implements document.Host.
func (o *objectHost) Hold(subject, holder string, ttl Millis, by document.Author) *Hold {
	l := o.Lease(subject)
	take := &Acquire{Name: subject, Holder: holder, Session: o.session(subject, holder), Limit: 1, TTL: ttl}
	take.Caller.Principal = by.Principal
	switch {
	case l.HoldOf(take.Session) != nil && !o.Owns(subject, l.HoldOf(take.Session), by):
		o.refused = refuse(CodeHeld, l) // a holder of the same name, of another principal
	case ttl == 0 && o.leases.Permanent() >= document.MaxPermanent && !isPermanent(l.HoldOf(take.Session)):
		o.refused = refuse(CodeTooManyLeases, l)
	default:
		o.refused = take.apply(o.Machine)
	}
	if !o.refused.Code.OK() {
		return nil
	}
	return o.refused.Hold
}

func isPermanent(h *Hold) bool { return h != nil && h.TTL == 0 }

// Owns implements document.Host.
func (o *objectHost) Owns(subject string, h *Hold, by document.Author) bool {
	return h.Session == o.session(subject, h.Holder) && (!o.Guards() || h.Principal == "" || h.Principal == by.Principal)
}

// MayHold implements document.Host.
func (o *objectHost) MayHold(subject, principal string) bool {
	if !o.Guards() || principal == "" {
		return true
	}
	return o.access.Check(access.Caller{Principal: principal}, access.Acquire, []string{subject}, o.wall) == access.Done
}

// Release implements document.Host.
func (o *objectHost) Release(subject string) {
	l := o.Lease(subject)
	o.end(l, l.Holds[0], EventReleased, ending{})
}

// Break implements document.Host.
func (o *objectHost) Break(subject, operator, reason string) {
	token := o.Lease(subject).Holds[0].Token
	(&Break{Name: subject, Token: token, Reason: reason, By: operator}).apply(o.Machine)
}

// Available implements document.Host.
func (o *objectHost) Available(subject string) bool { return o.available(o.Lease(subject), 1) }

// Arm implements document.Host.
func (o *objectHost) Arm(r *document.Round) { o.applied.arm(roundTimer(r)) }

// Disarm implements document.Host.
func (o *objectHost) Disarm(r *document.Round) { o.applied.disarm(TimerElection, r.Subject, r.ID) }

// Pending implements document.Host.
func (o *objectHost) Pending() []*Event {
	events := o.applied.Events[o.followed:]
	o.followed = len(o.applied.Events)
	return events
}

// follow makes the documents follow the events that a command caused.
func follow(m *Machine) {
	o := &objectHost{Machine: m}
	for events := o.Pending(); len(events) > 0 && m.documents.Len() > 0; events = o.Pending() { // an election adds events
		for _, e := range events {
			m.documents.Follow(o, e)
		}
	}
}

func roundTimer(r *document.Round) Timer {
	return Timer{Kind: TimerElection, Name: r.Subject, ID: r.ID, For: document.PingTime}
}

// Documents returns the objects of the Kubernetes API. They change with the machine: its owner reads them under the
// machine's lock.
func Documents(m *Machine) *document.Table { return m.documents.Table }
