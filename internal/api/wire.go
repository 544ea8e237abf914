package api

import (
	"encoding/json"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// leaseBody is the public view of a lease, without sessions.
type leaseBody struct {
	Name        string       `json:"name"`
	State       string       `json:"state"`
	Revision    uint64       `json:"revision"`
	Limit       int          `json:"limit"`
	Holder      string       `json:"holder,omitempty"` // the holder of the first hold
	Token       uint64       `json:"token,omitempty"`
	Holders     []holderBody `json:"holders"`
	HolderCount int          `json:"holder_count"`
	Queue       []waiterBody `json:"queue"`
	QueueLength int          `json:"queue_length"`
	AvailableIn *fsm.Millis  `json:"available_in_ms,omitempty"`
	Transitions uint64       `json:"transitions"`
	Since       string       `json:"since,omitempty"`
}

type holderBody struct {
	Holder     string           `json:"holder"`
	Token      uint64           `json:"token"`
	Slot       int              `json:"slot"`
	TTL        fsm.Millis       `json:"ttl_ms"`
	Held       fsm.Millis       `json:"held_ms"`
	RenewedAgo *fsm.Millis      `json:"renewed_ms_ago,omitempty"`
	FreeIn     *fsm.Millis      `json:"free_in_ms,omitempty"`
	Breaking   bool             `json:"breaking,omitempty"`
	StepDown   *stepDownRequest `json:"step_down,omitempty"`
	Meta       json.RawMessage  `json:"meta,omitempty"`
}

type waiterBody struct {
	Holder   string     `json:"holder"`
	Priority int        `json:"priority"`
	Waiting  fsm.Millis `json:"waiting_ms"`
}

// stepDownRequest is an operator's request that a holder steps down: the holder name that should get the lease and the
// remaining time, if the operator gave them.
type stepDownRequest struct {
	To     string      `json:"to,omitempty"`
	Within *fsm.Millis `json:"within_ms,omitempty"`
}

func newStepDown(a *fsm.StepDownRequest, now fsm.Millis) *stepDownRequest {
	if a == nil {
		return nil
	}
	b := &stepDownRequest{To: a.To}
	if a.Within > 0 {
		left := a.Remaining(now)
		b.Within = &left
	}
	return b
}

// newLease returns the body for a view, with at most this number of holders and of waiters.
func newLease(v *fsm.View, most int) *leaseBody {
	l := v.Lease
	b := &leaseBody{
		Name: l.Name, State: l.State().String(), Revision: v.Revision, Limit: l.Limit,
		Holders: []holderBody{}, HolderCount: v.Holders, Queue: []waiterBody{}, QueueLength: v.Waiters,
	}
	if l.History != nil {
		b.Transitions, b.Since = l.History.Transitions, wall(l.History.Wall)
	}
	for i, h := range l.Holds[:min(most, len(l.Holds))] {
		b.Holders = append(b.Holders, newHolder(v, i, h))
	}
	if len(l.Holds) > 0 {
		b.Holder, b.Token = l.Holds[0].Holder, l.Holds[0].Token
	}
	for _, t := range l.Queue[:min(most, len(l.Queue))] {
		b.Queue = append(b.Queue, waiterBody{Holder: t.Holder, Priority: t.Priority, Waiting: max(v.Now-t.Queued, 0)})
	}
	switch s := l.State(); {
	case !v.Fresh:
	case s == fsm.StateDelayed || s == fsm.StateBreaking:
		b.AvailableIn = &v.AvailableIn
	case s == fsm.StateFree && v.AvailableIn > 0: // the quarantine of a recovered cluster
		b.State, b.AvailableIn = fsm.StateDelayed.String(), &v.AvailableIn
	}
	return b
}

func newHolder(v *fsm.View, i int, h *fsm.Hold) holderBody {
	b := holderBody{
		Holder: h.Holder, Token: h.Token, Slot: h.Slot, TTL: h.TTL, Held: max(v.Now-h.Granted, 0),
		Breaking: h.Break != nil, StepDown: newStepDown(h.StepDown, v.Now), Meta: json.RawMessage(h.Meta),
	}
	if v.Fresh && i < len(v.Clocks) {
		b.RenewedAgo, b.FreeIn = &v.Clocks[i].RenewedAgo, &v.Clocks[i].FreeIn
	}
	return b
}

// holdBody answers an acquire or a renew: the caller holds the lease.
type holdBody struct {
	Name      string           `json:"name"`
	Holder    string           `json:"holder"`
	Session   string           `json:"session"`
	Token     uint64           `json:"token"`
	Slot      int              `json:"slot"`
	TTL       fsm.Millis       `json:"ttl_ms"`
	ExpiresIn fsm.Millis       `json:"expires_in_ms"`
	RenewIn   fsm.Millis       `json:"renew_in_ms"`
	Waited    fsm.Millis       `json:"waited_ms"`
	Meta      json.RawMessage  `json:"meta,omitempty"`
	StepDown  *stepDownRequest `json:"step_down,omitempty"`
	Revision  uint64           `json:"revision"`
	Previous  *previousBody    `json:"previous,omitempty"`
}

type previousBody struct {
	Holder string `json:"holder"`
	Token  uint64 `json:"token"`
	End    string `json:"end"`
}

// newHold returns the body for the caller's own hold.
func newHold(name string, r *fsm.Reply, session string) *holdBody {
	h := r.Hold
	return &holdBody{
		Name: name, Holder: h.Holder, Session: session, Token: h.Token, Slot: h.Slot, TTL: h.TTL,
		ExpiresIn: r.ExpiresIn, RenewIn: renewIn(h.TTL), Waited: r.Waited, Meta: json.RawMessage(h.Meta),
		StepDown: newStepDown(h.StepDown, r.Now), Revision: r.Revision, Previous: newPrevious(r.Previous),
	}
}

// renewIn returns the time until the next renewal. Two renewals can fail before the deadline.
func renewIn(ttl fsm.Millis) fsm.Millis { return ttl / 3 }

func newPrevious(p fsm.Previous) *previousBody {
	if p.Token == 0 {
		return nil
	}
	return &previousBody{Holder: p.Holder, Token: p.Token, End: p.End.String()}
}

// eventBody is an event of a watch or of a history. The types state, synced, mark and gone are about the watch itself.
type eventBody struct {
	Revision uint64          `json:"revision"`
	At       string          `json:"at,omitempty"`
	Type     string          `json:"type"`
	Name     string          `json:"name,omitempty"`
	Holder   string          `json:"holder,omitempty"`
	Token    uint64          `json:"token,omitempty"`
	Cause    string          `json:"cause,omitempty"`
	Reason   string          `json:"reason,omitempty"`
	By       string          `json:"by,omitempty"`
	To       string          `json:"to,omitempty"`
	Within   fsm.Millis      `json:"within_ms,omitempty"`
	Held     *fsm.Millis     `json:"held_ms,omitempty"`
	Vacancy  *fsm.Millis     `json:"vacancy_ms,omitempty"`
	Meta     json.RawMessage `json:"meta,omitempty"`
	Lease    *leaseBody      `json:"lease,omitempty"`
	Oldest   *uint64         `json:"oldest,omitempty"`
	Current  *uint64         `json:"current,omitempty"`
}

func newEvent(e *fsm.Event) *eventBody {
	r := e.Requested()
	b := &eventBody{
		Revision: e.Revision, At: wall(e.Wall), Type: e.Type.String(), Name: e.Name, Holder: e.Holder, Token: e.Token,
		Cause: e.Cause.String(), Reason: r.Reason, By: r.By, To: r.To, Within: r.Within, Meta: json.RawMessage(e.Meta),
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

// wall formats Unix milliseconds. It returns "" for 0, which means that the time is unknown.
func wall(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}
