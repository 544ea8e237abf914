package lockd

import (
	"bytes"
	"encoding/json"
	"time"
)

// The types of an Event.
const (
	EventState       = "state"  // how a lease stands when a watch begins
	EventSynced      = "synced" // all that stood has been told; changes follow
	EventAcquired    = "acquired"
	EventReleased    = "released"
	EventExpired     = "expired"
	EventBroken      = "broken"
	EventTransferred = "transferred"
	EventDelayed     = "delayed"
	EventFree        = "free"
	EventMeta        = "meta"
	EventStepDown    = "step_down" // an operator asked the holder to hand over
	EventReclaimed   = "reclaimed" // the session that holds it was given a new token

	eventMark = "mark" // moves the point of resumption
	eventGone = "gone"
)

// An Event is one change of one lease.
type Event struct {
	Revision uint64          `json:"revision"`
	At       Time            `json:"at,omitzero"` // for people's eyes; decides nothing
	Type     string          `json:"type"`
	Name     string          `json:"name,omitempty"`
	Holder   string          `json:"holder,omitempty"`
	Token    uint64          `json:"token,omitempty"`
	Cause    string          `json:"cause,omitempty"`      // acquired: how the last hold ended; delayed, free: what ended the hold
	Reason   string          `json:"reason,omitempty"`     // broken: the operator's
	By       string          `json:"by,omitempty"`         // broken, step_down: who asked
	To       string          `json:"to,omitempty"`         // transferred: the label that got it; step_down: that should get it
	Within   *Millis         `json:"within_ms,omitempty"`  // step_down: how soon; nil: that was not said
	Held     *Millis         `json:"held_ms,omitempty"`    // an end: how long the hold lasted
	Vacancy  *Millis         `json:"vacancy_ms,omitempty"` // acquired: how long nobody held it
	Meta     json.RawMessage `json:"meta,omitempty"`

	// Lease is the whole state, with EventState; Holder and Token are the first's.
	Lease *State `json:"lease,omitempty"`
}

// Time is a wall time for people's eyes. On the wire it is RFC 3339 text; Unix
// milliseconds are read, too.
type Time struct{ time.Time }

// UnmarshalJSON reads a time, and takes what it cannot read for no time at all.
func (t *Time) UnmarshalJSON(b []byte) error {
	var ms int64
	if json.Unmarshal(b, &ms) == nil {
		*t = Time{}
		if ms != 0 {
			t.Time = time.UnixMilli(ms)
		}
		return nil
	}
	if bytes.HasPrefix(b, []byte(`"`)) && t.Time.UnmarshalJSON(b) == nil {
		return nil
	}
	*t = Time{}
	return nil
}
