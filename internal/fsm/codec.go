package fsm

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// encoder appends values in the machine's binary form: integers and times as varints,
// strings after their length. It writes the form of a version; err is set if that version
// cannot express a value.
type encoder struct {
	buf     []byte
	version uint64
	err     error
}

func (e *encoder) uint(n uint64) { e.buf = binary.AppendUvarint(e.buf, n) }
func (e *encoder) int64(n int64) { e.buf = binary.AppendVarint(e.buf, n) }

func (e *encoder) millis(n Millis) { e.int64(int64(n)) }

func (e *encoder) string(s string) {
	e.uint(uint64(len(s)))
	e.buf = append(e.buf, s...)
}

func (e *encoder) bool(b bool) {
	if b {
		e.buf = append(e.buf, 1)
	} else {
		e.buf = append(e.buf, 0)
	}
}

func (e *encoder) attemptID(a AttemptID) {
	e.uint(a.Boot)
	e.uint(a.N)
}

func (e *encoder) node(n Node) {
	e.string(n.ID)
	e.string(n.Name)
	e.string(n.Peer)
	e.string(n.HTTP)
	e.uint(n.Version)
	if e.since(2, false) {
		e.uint(n.MaxState)
	}
}

// errCorrupt is the error of a decoder for malformed bytes.
var errCorrupt = errors.New("fsm: malformed")

// decoder reads what encoder wrote. It keeps the first error and returns zero values after
// it, so callers check once. It never allocates more than its input can fill.
type decoder struct {
	buf     []byte
	version uint64 // of buf
	err     error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", errCorrupt, fmt.Sprintf(format, args...))
	}
	d.buf = nil
}

func (d *decoder) uint() uint64 {
	n, size := binary.Uvarint(d.buf)
	if size <= 0 {
		d.fail("a number is cut off or too long")
		return 0
	}
	d.buf = d.buf[size:]
	return n
}

func (d *decoder) int64() int64 {
	n, size := binary.Varint(d.buf)
	if size <= 0 {
		d.fail("a number is cut off or too long")
		return 0
	}
	d.buf = d.buf[size:]
	return n
}

func (d *decoder) millis() Millis { return Millis(d.int64()) }

func (d *decoder) int() int {
	n := d.uint()
	if n > 1<<31 {
		d.fail("%d is out of range", n)
		return 0
	}
	return int(n)
}

func (d *decoder) limit() int {
	n := d.int()
	if d.err == nil && (n < 1 || n > MaxLimit) {
		d.fail("a limit of %d is out of range", n)
		return 0
	}
	return n
}

func (d *decoder) priority() int {
	n := d.int64()
	if n < MinPriority || n > MaxPriority {
		d.fail("a priority of %d is out of range", n)
		return 0
	}
	return int(n)
}

// end returns the decoder's error, or an error if bytes follow the last value.
func (d *decoder) end(what string) error {
	if d.err == nil && len(d.buf) > 0 {
		d.fail("%d bytes follow %s", len(d.buf), what)
	}
	return d.err
}

// byteOf reads a number from 0 to most.
func (d *decoder) byteOf(most uint64) uint8 {
	n := d.uint()
	if n > most {
		d.fail("%d is not among 0 to %d", n, most)
		return 0
	}
	return uint8(n)
}

// count reads the length of a list: at most most, and at most the number of remaining
// bytes.
func (d *decoder) count(most int) int {
	n := d.uint()
	if n > uint64(most) || n > uint64(len(d.buf)) {
		d.fail("a list of %d is too long", n)
		return 0
	}
	return int(n)
}

func (d *decoder) string(most int) string {
	n := d.uint()
	if n > uint64(most) || n > uint64(len(d.buf)) {
		d.fail("a string of %d bytes is too long", n)
		return ""
	}
	s := string(d.buf[:n])
	d.buf = d.buf[n:]
	return s
}

func (d *decoder) bool() bool {
	return d.byteOf(1) == 1
}

func (d *decoder) attemptID() AttemptID { return AttemptID{Boot: d.uint(), N: d.uint()} }

func (d *decoder) node() Node {
	n := Node{
		ID: d.string(MaxNodeBytes * 2), Name: d.string(MaxNodeBytes), Peer: d.string(MaxAddressBytes),
		HTTP: d.string(MaxAddressBytes), Version: d.uint(),
	}
	if d.since(2) {
		n.MaxState = min(d.uint(), MaxSafeInteger)
	}
	return n
}

func (d *decoder) event(name string) *Event {
	e := &Event{Name: name}
	e.Revision = d.uint()
	e.Wall = d.int64()
	e.Type = EventType(d.byteOf(uint64(eventEnd) - 1))
	e.Holder = d.string(MaxHolderBytes)
	e.Token = d.uint()
	e.Cause = EventType(d.byteOf(uint64(eventEnd) - 1))
	r := Request{
		Reason: d.string(MaxReasonBytes), By: d.string(MaxAddressBytes), To: d.string(MaxHolderBytes), Within: d.millis(),
	}
	if r != (Request{}) {
		e.Request = &r
	}
	e.Held = d.millis()
	e.Vacancy = d.millis()
	e.Meta = d.string(MaxMetaBytes)
	return e
}

func (e *encoder) event(v *Event) {
	e.uint(v.Revision)
	e.int64(v.Wall)
	e.uint(uint64(v.Type))
	e.string(v.Holder)
	e.uint(v.Token)
	e.uint(uint64(v.Cause))
	r := v.Requested()
	e.string(r.Reason)
	e.string(r.By)
	e.string(r.To)
	e.millis(r.Within)
	e.millis(v.Held)
	e.millis(v.Vacancy)
	e.string(v.Meta)
}

func (e *encoder) hold(h *Hold) {
	e.string(h.Holder)
	e.string(h.Session)
	e.uint(h.Token)
	e.uint(uint64(h.Slot))
	e.millis(h.TTL)
	e.millis(h.Delay)
	e.uint(h.Seq)
	e.attemptID(h.AttemptID)
	e.string(h.Meta)
	e.millis(h.Granted)
	e.millis(h.Renewed)
	e.bool(h.Break != nil)
	if b := h.Break; b != nil {
		e.string(b.Reason)
		e.string(b.By)
		e.millis(b.Grace)
		e.millis(b.At)
	}
	e.bool(h.StepDown != nil)
	if a := h.StepDown; a != nil {
		e.string(a.To)
		e.string(a.By)
		e.millis(a.Within)
		e.millis(a.At)
	}
	e.optionalAttemptID(h.Reclaimed)
	if e.since(2, false) {
		e.string(h.Attempt)
	}
}

func (d *decoder) hold() *Hold {
	h := &Hold{
		Holder: d.string(MaxHolderBytes), Session: d.string(MaxSessionBytes), Token: d.uint(), Slot: d.int(),
		TTL: d.millis(), Delay: d.millis(), Seq: d.uint(), AttemptID: d.attemptID(), Meta: d.string(MaxMetaBytes),
		Granted: d.millis(), Renewed: d.millis(),
	}
	if d.bool() {
		h.Break = &Breaking{
			Reason: d.string(MaxReasonBytes), By: d.string(MaxAddressBytes), Grace: d.millis(), At: d.millis(),
		}
	}
	if d.bool() {
		h.StepDown = &StepDownRequest{To: d.string(MaxHolderBytes), By: d.string(MaxAddressBytes), Within: d.millis(), At: d.millis()}
	}
	h.Reclaimed = d.attemptID().orNil()
	if d.since(2) {
		h.Attempt = d.string(MaxAttemptBytes)
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
	e.uint(t.ID)
	e.string(t.Holder)
	e.string(t.Session)
	e.millis(t.TTL)
	e.millis(t.Delay)
	e.millis(t.Wait)
	e.int64(int64(t.Priority))
	e.string(t.Meta)
	e.bool(t.Anonymous)
	e.bool(t.WaitEnded)
	e.uint(t.Seq)
	e.attemptID(t.AttemptID)
	e.millis(t.Queued)
	e.millis(t.Renewed)
	if e.since(2, false) {
		e.string(t.Attempt)
	}
}

func (d *decoder) ticket() *Ticket {
	t := &Ticket{
		ID: d.uint(), Holder: d.string(MaxHolderBytes), Session: d.string(MaxSessionBytes), TTL: d.millis(),
		Delay: d.millis(), Wait: d.millis(), Priority: d.priority(), Meta: d.string(MaxMetaBytes), Anonymous: d.bool(),
		WaitEnded: d.bool(), Seq: d.uint(), AttemptID: d.attemptID(), Queued: d.millis(), Renewed: d.millis(),
	}
	if d.since(2) {
		t.Attempt = d.string(MaxAttemptBytes)
	}
	return t
}

func (e *encoder) previous(p Previous) {
	e.string(p.Holder)
	e.string(p.Session)
	e.uint(p.Token)
	e.uint(uint64(p.End))
	e.string(p.To)
	e.millis(p.At)
}

func (d *decoder) previous() Previous {
	return Previous{
		Holder: d.string(MaxHolderBytes), Session: d.string(MaxSessionBytes), Token: d.uint(),
		End: EventType(d.byteOf(uint64(eventEnd) - 1)), To: d.string(MaxHolderBytes), At: d.millis(),
	}
}

// leaseHistory encodes the history of a lease with events, which only a snapshot needs.
func (e *encoder) leaseHistory(t *LeaseHistory, events []*Event) {
	e.previous(t.Previous())
	e.uint(t.Transitions)
	e.int64(t.Wall)
	e.uint(uint64(len(events)))
	for _, v := range events {
		e.event(v)
	}
}

func (d *decoder) leaseHistory(name string) *LeaseHistory {
	t := &LeaseHistory{}
	if p := d.previous(); p != (Previous{}) {
		t.Ended = &p
	}
	t.Transitions, t.Wall = d.uint(), d.int64()
	for range d.count(MaxNameEvents) {
		t.Events = append(t.Events, d.event(name))
	}
	return t
}

func (e *encoder) lease(l *Lease, events bool) {
	e.string(l.Name)
	e.uint(uint64(l.Limit))
	e.uint(uint64(len(l.Holds)))
	for _, h := range l.Holds {
		e.hold(h)
	}
	e.uint(uint64(len(l.Cooldowns)))
	for _, c := range l.Cooldowns {
		e.uint(uint64(c.Slot))
		e.string(c.Holder)
		e.uint(c.Token)
		e.uint(c.Seq)
		e.millis(c.For)
		e.millis(c.From)
		e.uint(uint64(c.Cause))
	}
	e.uint(uint64(len(l.Queue)))
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
	l := &Lease{Name: d.string(MaxStoredNameBytes), Limit: d.limit()}
	for range d.count(MaxLimit) {
		l.Holds = append(l.Holds, d.hold())
	}
	for range d.count(MaxLimit) {
		l.Cooldowns = append(l.Cooldowns, Cooldown{
			Slot: d.int(), Holder: d.string(MaxHolderBytes), Token: d.uint(), Seq: d.uint(), For: d.millis(), From: d.millis(),
			Cause: EventType(d.byteOf(uint64(eventEnd) - 1)),
		})
	}
	for range d.count(MaxQueue) {
		l.Queue = append(l.Queue, d.ticket())
	}
	l.History = d.leaseHistory(l.Name)
	return l
}
