package view

import (
	"encoding/json"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// Event is an event of a watch or of a history. The types state, synced, mark and gone are about the watch itself.
type Event struct {
	Revision uint64 `json:"revision"`
	At       string `json:"at,omitempty"`
	Type     string `json:"type"`
	Name     string `json:"name,omitempty"`
	Holder   string `json:"holder,omitempty"`
	Token    uint64 `json:"token,omitempty"`
	Cause    string `json:"cause,omitempty"`
	Request
	Held    *fsm.Millis     `json:"held_ms,omitempty"`
	Vacancy *fsm.Millis     `json:"vacancy_ms,omitempty"`
	Meta    json.RawMessage `json:"meta,omitempty"`
	Lease   *Lease          `json:"lease,omitempty"`
	*Kept
}

// Request is what an operator gave with a break or a step-down.
type Request struct {
	Reason string     `json:"reason,omitempty"`
	By     string     `json:"by,omitempty"`
	To     string     `json:"to,omitempty"`
	Within fsm.Millis `json:"within_ms,omitempty"`
}

// Kept is the range of revisions from which a watch can resume.
type Kept struct {
	Oldest  uint64 `json:"oldest"`
	Current uint64 `json:"current"`
}

// NewEvent returns the body for an event of a lease.
func NewEvent(e *fsm.Event) *Event {
	r := e.Requested()
	b := &Event{
		Revision: e.Revision, At: Time(e.Wall), Type: e.Type.String(), Name: e.Name, Holder: e.Holder, Token: e.Token,
		Cause: e.Cause.String(), Request: Request{r.Reason, r.By, r.To, r.Within}, Meta: json.RawMessage(e.Meta),
	}
	switch e.Type {
	case fsm.EventAcquired:
		if e.Vacancy >= 0 {
			b.Vacancy = &e.Vacancy
		}
	case fsm.EventReleased, fsm.EventExpired, fsm.EventBroken, fsm.EventTransferred, fsm.EventReclaimed:
		b.Held = &e.Held
	}
	return b
}

// Time formats Unix milliseconds. It returns "" for 0, which means that the time is unknown.
func Time(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}
