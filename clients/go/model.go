package lockd

import (
	"bytes"
	"encoding/json"
	"time"
)

// A Grant is the response to an acquire or a renewal: the session holds the lease. Its durations
// count from when the request was sent; Lease.Deadline adds them up.
type Grant struct {
	Name      string    `json:"name"`
	Holder    string    `json:"holder"`
	Session   string    `json:"session"`
	Token     uint64    `json:"token"` // fencing token: increases with every grant of any name
	Slot      int       `json:"slot"`  // 0 to limit-1, stable while held
	TTL       Millis    `json:"ttl_ms"`
	ExpiresIn Millis    `json:"expires_in_ms"`
	RenewIn   Millis    `json:"renew_in_ms"`
	Waited    Millis    `json:"waited_ms"`
	Revision  uint64    `json:"revision"`
	Previous  *Previous `json:"previous,omitempty"` // not in the response to a renewal

	Meta     json.RawMessage `json:"meta,omitempty"`
	StepDown *StepDown       `json:"step_down,omitempty"` // nil if no step-down was requested
}

// Previous describes how the last hold of a name ended.
type Previous struct {
	Holder string `json:"holder"`
	Token  uint64 `json:"token"`
	End    string `json:"end"` // released, transferred, expired, broken or reclaimed
}

// The types of an Event.
const (
	EventState       = "state"  // a lease at the start of a watch
	EventSynced      = "synced" // all states were sent; changes follow
	EventAcquired    = "acquired"
	EventReleased    = "released"
	EventExpired     = "expired"
	EventBroken      = "broken"
	EventTransferred = "transferred"
	EventDelayed     = "delayed"
	EventFree        = "free"
	EventMeta        = "meta"
	EventStepDown    = "step_down" // an operator requested a step-down of the holder
	EventReclaimed   = "reclaimed" // the holding session received a new token

	eventMark = "mark" // a revision from which a watch can resume
	eventGone = "gone"
)

// An Event is one change of one lease.
type Event struct {
	Revision uint64          `json:"revision"`
	At       Time            `json:"at,omitzero"` // for display only
	Type     string          `json:"type"`
	Name     string          `json:"name,omitempty"`
	Holder   string          `json:"holder,omitempty"`
	Token    uint64          `json:"token,omitempty"`
	Cause    string          `json:"cause,omitempty"`      // how the last hold ended, for acquired, delayed and free
	Reason   string          `json:"reason,omitempty"`     // broken: given by the operator
	By       string          `json:"by,omitempty"`         // broken, step_down: the operator
	To       string          `json:"to,omitempty"`         // transferred: the new holder; step_down: the intended holder
	Within   *Millis         `json:"within_ms,omitempty"`  // step_down: the time limit; nil: none
	Held     *Millis         `json:"held_ms,omitempty"`    // end of a hold: how long it lasted
	Vacancy  *Millis         `json:"vacancy_ms,omitempty"` // acquired: how long the lease had no holder
	Meta     json.RawMessage `json:"meta,omitempty"`

	// Lease is the whole state, with EventState. Holder and Token are those of the first holder.
	Lease *State `json:"lease,omitempty"`
}

// Time is a wall time for display. On the wire it is RFC 3339 text; Unix milliseconds are accepted
// too.
type Time struct{ time.Time }

// UnmarshalJSON reads a time. An unreadable value becomes the zero time.
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

// Millis is a duration in milliseconds, as in the JSON of the API.
type Millis int64

// Duration returns m as a time.Duration.
func (m Millis) Duration() time.Duration { return time.Duration(m) * time.Millisecond }

// millis rounds up, so that a positive duration never becomes 0.
func millis(d time.Duration) Millis {
	return Millis((d + time.Millisecond - 1) / time.Millisecond)
}

// StepDown is an operator's request that the holder transfers or releases the lease when it is
// safe. It does not end the hold.
type StepDown struct {
	To     string  `json:"to,omitempty"`        // the label that should get the lease; "": the holder chooses
	Within *Millis `json:"within_ms,omitempty"` // the time that was left when this was sent; nil: no time limit
}
