package fsm

import (
	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm/wire"
)

// encoder appends values in the machine's binary form: that of package wire, and times as numbers. It writes the form of
// a version; its Err is ErrNotYet if that version cannot express a value.
type encoder struct{ wire.Encoder }

func newEncoder(version uint64) encoder { return encoder{wire.Encoder{Version: version}} }

func (e *encoder) millis(n Millis) { e.Int64(int64(n)) }

func (e *encoder) attemptID(a AttemptID) {
	e.Uint(a.Boot)
	e.Uint(a.N)
}

func (e *encoder) node(n Node) {
	e.String(n.ID)
	e.String(n.Name)
	e.String(n.Peer)
	e.String(n.HTTP)
	e.Uint(n.Version)
	if e.since(2, false) {
		e.Uint(n.MaxState)
	}
}

// errCorrupt is the error for malformed bytes.
var errCorrupt = wire.ErrMalformed

// decoder reads what encoder wrote.
type decoder struct{ wire.Decoder }

func newDecoder(b []byte, version uint64) decoder {
	return decoder{wire.Decoder{Bytes: b, Version: version}}
}

func (d *decoder) millis() Millis { return Millis(d.Int64()) }

func (d *decoder) limit() int {
	n := d.Int()
	if d.Err == nil && (n < 1 || n > MaxLimit) {
		d.Fail("a limit of %d is out of range", n)
		return 0
	}
	return n
}

func (d *decoder) priority() int {
	n := d.Int64()
	if n < MinPriority || n > MaxPriority {
		d.Fail("a priority of %d is out of range", n)
		return 0
	}
	return int(n)
}

func (d *decoder) attemptID() AttemptID { return AttemptID{Boot: d.Uint(), N: d.Uint()} }

func (d *decoder) node() Node {
	n := Node{
		ID: d.String(MaxNodeBytes * 2), Name: d.String(MaxNodeBytes), Peer: d.String(MaxAddressBytes),
		HTTP: d.String(MaxAddressBytes), Version: d.Uint(),
	}
	if d.since(2) {
		n.MaxState = min(d.Uint(), MaxSafeInteger)
	}
	return n
}

func (d *decoder) event(name string) *Event {
	e := &Event{Name: name}
	e.Revision = d.Uint()
	e.Wall = d.Int64()
	e.Type = EventType(d.ByteOf(uint64(eventEnd) - 1))
	e.Holder = d.String(MaxHolderBytes)
	e.Token = d.Uint()
	e.Cause = EventType(d.ByteOf(uint64(eventEnd) - 1))
	r := Request{
		Reason: d.String(MaxReasonBytes), By: d.String(MaxAddressBytes), To: d.String(MaxHolderBytes), Within: d.millis(),
	}
	if r != (Request{}) {
		e.Request = &r
	}
	e.Held = d.millis()
	e.Vacancy = d.millis()
	e.Meta = d.String(MaxMetaBytes)
	return e
}

func (e *encoder) event(v *Event) {
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
	e.millis(r.Within)
	e.millis(v.Held)
	e.millis(v.Vacancy)
	e.String(v.Meta)
}

func (e *encoder) hold(h *Hold) {
	e.String(h.Holder)
	e.String(h.Session)
	e.Uint(h.Token)
	e.Uint(uint64(h.Slot))
	e.millis(h.TTL)
	e.millis(h.Delay)
	e.Uint(h.Seq)
	e.attemptID(h.AttemptID)
	e.String(h.Meta)
	e.millis(h.Granted)
	e.millis(h.Renewed)
	e.Bool(h.Break != nil)
	if b := h.Break; b != nil {
		e.String(b.Reason)
		e.String(b.By)
		e.millis(b.Grace)
		e.millis(b.At)
	}
	e.Bool(h.StepDown != nil)
	if a := h.StepDown; a != nil {
		e.String(a.To)
		e.String(a.By)
		e.millis(a.Within)
		e.millis(a.At)
	}
	e.optionalAttemptID(h.Reclaimed)
	if e.since(2, false) {
		e.String(h.Attempt)
	}
	if e.since(3, false) {
		e.String(h.Principal)
	}
}

func (d *decoder) hold() *Hold {
	h := &Hold{
		Holder: d.String(MaxHolderBytes), Session: d.String(MaxSessionBytes), Token: d.Uint(), Slot: d.Int(),
		TTL: d.millis(), Delay: d.millis(), Seq: d.Uint(), AttemptID: d.attemptID(), Meta: d.String(MaxMetaBytes),
		Granted: d.millis(), Renewed: d.millis(),
	}
	if d.Bool() {
		h.Break = &Breaking{
			Reason: d.String(MaxReasonBytes), By: d.String(MaxAddressBytes), Grace: d.millis(), At: d.millis(),
		}
	}
	if d.Bool() {
		h.StepDown = &StepDownRequest{To: d.String(MaxHolderBytes), By: d.String(MaxAddressBytes), Within: d.millis(), At: d.millis()}
	}
	h.Reclaimed = d.attemptID().orNil()
	if d.since(2) {
		h.Attempt = d.String(MaxAttemptBytes)
	}
	if d.since(3) {
		h.Principal = d.String(access.MaxPrincipalBytes)
	}
	return h
}

func (e *encoder) optionalAttemptID(a *AttemptID) {
	if a == nil {
		a = &AttemptID{}
	}
	e.attemptID(*a)
}

func (e *encoder) ticket(t *Ticket) {
	e.Uint(t.ID)
	e.String(t.Holder)
	e.String(t.Session)
	e.millis(t.TTL)
	e.millis(t.Delay)
	e.millis(t.Wait)
	e.Int64(int64(t.Priority))
	e.String(t.Meta)
	e.Bool(t.Anonymous)
	e.Bool(t.WaitEnded)
	e.Uint(t.Seq)
	e.attemptID(t.AttemptID)
	e.millis(t.Queued)
	e.millis(t.Renewed)
	if e.since(2, false) {
		e.String(t.Attempt)
	}
	if e.since(3, false) {
		e.String(t.Principal)
	}
}

func (d *decoder) ticket() *Ticket {
	t := &Ticket{
		ID: d.Uint(), Holder: d.String(MaxHolderBytes), Session: d.String(MaxSessionBytes), TTL: d.millis(),
		Delay: d.millis(), Wait: d.millis(), Priority: d.priority(), Meta: d.String(MaxMetaBytes), Anonymous: d.Bool(),
		WaitEnded: d.Bool(), Seq: d.Uint(), AttemptID: d.attemptID(), Queued: d.millis(), Renewed: d.millis(),
	}
	if d.since(2) {
		t.Attempt = d.String(MaxAttemptBytes)
	}
	if d.since(3) {
		t.Principal = d.String(access.MaxPrincipalBytes)
	}
	return t
}

func (e *encoder) previous(p Previous) {
	e.String(p.Holder)
	e.String(p.Session)
	e.Uint(p.Token)
	e.Uint(uint64(p.End))
	e.String(p.To)
	e.millis(p.At)
}

func (d *decoder) previous() Previous {
	return Previous{
		Holder: d.String(MaxHolderBytes), Session: d.String(MaxSessionBytes), Token: d.Uint(),
		End: EventType(d.ByteOf(uint64(eventEnd) - 1)), To: d.String(MaxHolderBytes), At: d.millis(),
	}
}

// leaseHistory encodes the history of a lease with events, which only a snapshot needs.
func (e *encoder) leaseHistory(t *LeaseHistory, events []*Event) {
	e.previous(t.Previous())
	e.Uint(t.Transitions)
	e.Int64(t.Wall)
	e.Uint(uint64(len(events)))
	for _, v := range events {
		e.event(v)
	}
}

func (d *decoder) leaseHistory(name string) *LeaseHistory {
	t := &LeaseHistory{}
	if p := d.previous(); p != (Previous{}) {
		t.Ended = &p
	}
	t.Transitions, t.Wall = d.Uint(), d.Int64()
	for range d.Count(MaxNameEvents) {
		t.Events = append(t.Events, d.event(name))
	}
	return t
}

func (e *encoder) lease(l *Lease, events bool) {
	e.String(l.Name)
	e.Uint(uint64(l.Limit))
	e.Uint(uint64(len(l.Holds)))
	for _, h := range l.Holds {
		e.hold(h)
	}
	e.Uint(uint64(len(l.Cooldowns)))
	for _, c := range l.Cooldowns {
		e.Uint(uint64(c.Slot))
		e.String(c.Holder)
		e.Uint(c.Token)
		e.Uint(c.Seq)
		e.millis(c.For)
		e.millis(c.From)
		e.Uint(uint64(c.Cause))
	}
	e.Uint(uint64(len(l.Queue)))
	for _, t := range l.Queue {
		if !events { // a view has no other fields
			t = &Ticket{ID: t.ID, Holder: t.Holder, Priority: t.Priority, Queued: t.Queued}
		}
		e.ticket(t)
	}
	if events {
		e.leaseHistory(l.History, l.Events())
	} else {
		e.leaseHistory(l.History, nil)
	}
}

func (d *decoder) lease() *Lease {
	l := &Lease{Name: d.String(MaxStoredNameBytes), Limit: d.limit()}
	for range d.Count(MaxLimit) {
		l.Holds = append(l.Holds, d.hold())
	}
	for range d.Count(MaxLimit) {
		l.Cooldowns = append(l.Cooldowns, Cooldown{
			Slot: d.Int(), Holder: d.String(MaxHolderBytes), Token: d.Uint(), Seq: d.Uint(), For: d.millis(), From: d.millis(),
			Cause: EventType(d.ByteOf(uint64(eventEnd) - 1)),
		})
	}
	for range d.Count(MaxQueue) {
		l.Queue = append(l.Queue, d.ticket())
	}
	l.History = d.leaseHistory(l.Name)
	return l
}
