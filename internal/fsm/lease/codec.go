package lease

import (
	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm/wire"
)

// An Encoder appends the values of this package in the binary form of a version. A field that was added in a version is
// at the end of its value, under Since.
type Encoder struct{ wire.Encoder }

// NewEncoder returns an encoder that writes a version.
func NewEncoder(version uint64) Encoder { return Encoder{wire.Encoder{Version: version}} }

// Millis appends a duration or a time.
func (e *Encoder) Millis(n Millis) { e.Int64(int64(n)) }

// AttemptID appends the ID of an attempt.
func (e *Encoder) AttemptID(a AttemptID) {
	e.Uint(a.Boot)
	e.Uint(a.N)
}

// A Decoder reads what an Encoder wrote.
type Decoder struct{ wire.Decoder }

// NewDecoder returns a decoder of bytes in a version.
func NewDecoder(b []byte, version uint64) Decoder {
	return Decoder{wire.Decoder{Bytes: b, Version: version}}
}

// Millis reads a duration or a time.
func (d *Decoder) Millis() Millis { return Millis(d.Int64()) }

// Limit reads the limit of a lease.
func (d *Decoder) Limit() int {
	n := d.Int()
	if d.Err == nil && (n < 1 || n > MaxLimit) {
		d.Fail("a limit of %d is out of range", n)
		return 0
	}
	return n
}

// Priority reads a priority.
func (d *Decoder) Priority() int {
	n := d.Int64()
	if n < MinPriority || n > MaxPriority {
		d.Fail("a priority of %d is out of range", n)
		return 0
	}
	return int(n)
}

// AttemptID reads the ID of an attempt.
func (d *Decoder) AttemptID() AttemptID { return AttemptID{Boot: d.Uint(), N: d.Uint()} }

// Event reads an event of a name.
func (d *Decoder) Event(name string) *Event {
	e := &Event{Name: name}
	e.Revision = d.Uint()
	e.Wall = d.Int64()
	e.Type = EventType(d.ByteOf(uint64(eventEnd) - 1))
	e.Holder = d.String(MaxHolderBytes)
	e.Token = d.Uint()
	e.Cause = EventType(d.ByteOf(uint64(eventEnd) - 1))
	r := Request{
		Reason: d.String(MaxReasonBytes), By: d.String(MaxAddressBytes), To: d.String(MaxHolderBytes), Within: d.Millis(),
	}
	if r != (Request{}) {
		e.Request = &r
	}
	e.Held = d.Millis()
	e.Vacancy = d.Millis()
	e.Meta = d.String(MaxMetaBytes)
	return e
}

// Event appends an event without its name.
func (e *Encoder) Event(v *Event) {
	e.Uint(v.Revision)
	e.Int64(v.Wall)
	e.Uint(uint64(v.Type))
	e.String(v.Holder)
	e.Uint(v.Token)
	e.Uint(uint64(v.Cause))
	r := v.Requested()
	e.String(r.Reason)
	e.String(r.By)
	e.String(r.To)
	e.Millis(r.Within)
	e.Millis(v.Held)
	e.Millis(v.Vacancy)
	e.String(v.Meta)
}

// Hold appends a hold.
func (e *Encoder) Hold(h *Hold) {
	e.String(h.Holder)
	e.String(h.Session)
	e.Uint(h.Token)
	e.Uint(uint64(h.Slot))
	e.Millis(h.TTL)
	e.Millis(h.Delay)
	e.Uint(h.Seq)
	e.AttemptID(h.AttemptID)
	e.String(h.Meta)
	e.Millis(h.Granted)
	e.Millis(h.Renewed)
	e.Bool(h.Break != nil)
	if b := h.Break; b != nil {
		e.String(b.Reason)
		e.String(b.By)
		e.Millis(b.Grace)
		e.Millis(b.At)
	}
	e.Bool(h.StepDown != nil)
	if a := h.StepDown; a != nil {
		e.String(a.To)
		e.String(a.By)
		e.Millis(a.Within)
		e.Millis(a.At)
	}
	e.optionalAttemptID(h.Reclaimed)
	if e.Since(2) {
		e.String(h.Attempt)
	}
	if e.Since(3) {
		e.String(h.Principal)
	}
}

// Hold reads a hold.
func (d *Decoder) Hold() *Hold {
	h := &Hold{
		Holder: d.String(MaxHolderBytes), Session: d.String(MaxSessionBytes), Token: d.Uint(), Slot: d.Int(),
		TTL: d.Millis(), Delay: d.Millis(), Seq: d.Uint(), Origin: Origin{AttemptID: d.AttemptID()}, Meta: d.String(MaxMetaBytes),
		Granted: d.Millis(), Renewed: d.Millis(),
	}
	if d.Bool() {
		h.Break = &Breaking{
			Reason: d.String(MaxReasonBytes), By: d.String(MaxAddressBytes), Grace: d.Millis(), At: d.Millis(),
		}
	}
	if d.Bool() {
		h.StepDown = &StepDownRequest{To: d.String(MaxHolderBytes), By: d.String(MaxAddressBytes), Within: d.Millis(), At: d.Millis()}
	}
	h.Reclaimed = d.AttemptID().OrNil()
	if d.Since(2) {
		h.Attempt = d.String(MaxAttemptBytes)
	}
	if d.Since(3) {
		h.Principal = d.String(access.MaxPrincipalBytes)
	}
	return h
}

func (e *Encoder) optionalAttemptID(a *AttemptID) {
	if a == nil {
		a = &AttemptID{}
	}
	e.AttemptID(*a)
}

// Ticket appends a ticket.
func (e *Encoder) Ticket(t *Ticket) {
	e.Uint(t.ID)
	e.String(t.Holder)
	e.String(t.Session)
	e.Millis(t.TTL)
	e.Millis(t.Delay)
	e.Millis(t.Wait)
	e.Int64(int64(t.Priority))
	e.String(t.Meta)
	e.Bool(t.Anonymous)
	e.Bool(t.WaitEnded)
	e.Uint(t.Seq)
	e.AttemptID(t.AttemptID)
	e.Millis(t.Queued)
	e.Millis(t.Renewed)
	if e.Since(2) {
		e.String(t.Attempt)
	}
	if e.Since(3) {
		e.String(t.Principal)
	}
}

// Ticket reads a ticket.
func (d *Decoder) Ticket() *Ticket {
	t := &Ticket{
		ID: d.Uint(), Holder: d.String(MaxHolderBytes), Session: d.String(MaxSessionBytes), TTL: d.Millis(),
		Delay: d.Millis(), Wait: d.Millis(), Priority: d.Priority(), Meta: d.String(MaxMetaBytes), Anonymous: d.Bool(),
		WaitEnded: d.Bool(), Seq: d.Uint(), Origin: Origin{AttemptID: d.AttemptID()}, Queued: d.Millis(), Renewed: d.Millis(),
	}
	if d.Since(2) {
		t.Attempt = d.String(MaxAttemptBytes)
	}
	if d.Since(3) {
		t.Principal = d.String(access.MaxPrincipalBytes)
	}
	return t
}

// Previous appends how the last hold ended.
func (e *Encoder) Previous(p Previous) {
	e.String(p.Holder)
	e.String(p.Session)
	e.Uint(p.Token)
	e.Uint(uint64(p.End))
	e.String(p.To)
	e.Millis(p.At)
}

// Previous reads how the last hold ended.
func (d *Decoder) Previous() Previous {
	return Previous{
		Holder: d.String(MaxHolderBytes), Session: d.String(MaxSessionBytes), Token: d.Uint(),
		End: EventType(d.ByteOf(uint64(eventEnd) - 1)), To: d.String(MaxHolderBytes), At: d.Millis(),
	}
}

// History appends the history of a lease with events, which only a snapshot needs.
func (e *Encoder) History(t *History, events []*Event) {
	e.Previous(t.Previous())
	e.Uint(t.Transitions)
	e.Int64(t.Wall)
	e.Uint(uint64(len(events)))
	for _, v := range events {
		e.Event(v)
	}
}

// History reads the history of a name.
func (d *Decoder) History(name string) *History {
	t := &History{}
	if p := d.Previous(); p != (Previous{}) {
		t.Ended = &p
	}
	t.Transitions, t.Wall = d.Uint(), d.Int64()
	for range d.Count(MaxNameEvents) {
		t.Events = append(t.Events, d.Event(name))
	}
	return t
}

// Lease appends a lease. Without events it omits what only a snapshot needs.
func (e *Encoder) Lease(l *Lease, events bool) {
	e.String(l.Name)
	e.Uint(uint64(l.Limit))
	e.Uint(uint64(len(l.Holds)))
	for _, h := range l.Holds {
		e.Hold(h)
	}
	e.Uint(uint64(len(l.Cooldowns)))
	for _, c := range l.Cooldowns {
		e.Uint(uint64(c.Slot))
		e.String(c.Holder)
		e.Uint(c.Token)
		e.Uint(c.Seq)
		e.Millis(c.For)
		e.Millis(c.From)
		e.Uint(uint64(c.Cause))
	}
	e.Uint(uint64(len(l.Queue)))
	for _, t := range l.Queue {
		if !events { // a view has no other fields
			t = &Ticket{ID: t.ID, Holder: t.Holder, Priority: t.Priority, Queued: t.Queued}
		}
		e.Ticket(t)
	}
	if events {
		e.History(l.History, l.Events())
	} else {
		e.History(l.History, nil)
	}
}

// Lease reads a lease.
func (d *Decoder) Lease() *Lease {
	l := &Lease{Name: d.String(MaxStoredNameBytes), Limit: d.Limit()}
	for range d.Count(MaxLimit) {
		l.Holds = append(l.Holds, d.Hold())
	}
	for range d.Count(MaxLimit) {
		l.Cooldowns = append(l.Cooldowns, Cooldown{
			Slot: d.Int(), Holder: d.String(MaxHolderBytes), Token: d.Uint(), Seq: d.Uint(), For: d.Millis(), From: d.Millis(),
			Cause: EventType(d.ByteOf(uint64(eventEnd) - 1)),
		})
	}
	for range d.Count(MaxQueue) {
		l.Queue = append(l.Queue, d.Ticket())
	}
	l.History = d.History(l.Name)
	return l
}
