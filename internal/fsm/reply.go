package fsm

import "github.com/lockd/lockd/internal/access"

// EncodeReply returns a reply's bytes in a version, for the response of the leader to
// another node. The sessions in it must not leave the cluster. Fields that the version
// does not have are omitted, so that the outcome can always be reported.
func EncodeReply(r *Reply, version uint64) []byte {
	e := newEncoder(version)
	e.Uint(uint64(r.Code))
	e.Uint(r.Revision)
	e.optionalHold(r.Hold)
	e.Previous(r.Previous)
	e.Bool(r.Queued)
	e.Uint(uint64(r.Position))
	e.Bool(r.WasHeld)
	e.Millis(r.Held)
	e.Uint(uint64(len(r.Holds)))
	for i, h := range r.Holds {
		e.String(h.Name)
		e.Hold(h.Hold)
		e.Previous(h.Previous)
		if i < len(r.Expiries) {
			e.Millis(r.Expiries[i])
		} else {
			e.Millis(0)
		}
	}
	e.Uint(uint64(len(r.QueuesLeft)))
	for _, name := range r.QueuesLeft {
		e.String(name)
	}
	e.Millis(r.Waited)
	e.Millis(r.ExpiresIn)
	e.Millis(r.AvailableIn)
	e.Millis(r.TicketIn)
	e.Millis(r.Now)
	e.Bool(r.View != nil)
	if r.View != nil {
		e.view(r.View)
	}
	e.Uint(uint64(len(r.Blocking)))
	for _, v := range r.Blocking {
		e.view(v)
	}
	if e.Since(3) {
		e.Uint(uint64(r.Outcome))
	}
	return e.Bytes
}

// DecodeReply reads what EncodeReply wrote.
func DecodeReply(b []byte, version uint64) (Reply, error) {
	d := newDecoder(b, version)
	r := Reply{Result: Result{
		Code: Code(d.ByteOf(uint64(codeEnd) - 1)), Revision: d.Uint(), Hold: d.optionalHold(), Previous: d.Previous(),
		Queued: d.Bool(), Position: d.Int(), WasHeld: d.Bool(), Held: d.Millis(),
	}}
	for range d.Count(MaxSessionLeases) {
		r.Holds = append(r.Holds, Held{Name: d.String(MaxStoredNameBytes), Hold: d.Hold(), Previous: d.Previous()})
		r.Expiries = append(r.Expiries, d.Millis())
	}
	for range d.Count(MaxSessionLeases) {
		r.QueuesLeft = append(r.QueuesLeft, d.String(MaxStoredNameBytes))
	}
	r.Waited, r.ExpiresIn, r.AvailableIn, r.TicketIn = d.Millis(), d.Millis(), d.Millis(), d.Millis()
	r.Now = d.Millis()
	if d.Bool() {
		r.View = d.view()
		r.Lease = r.View.Lease
	}
	for range d.Count(MaxNames) {
		v := d.view()
		r.Blocking = append(r.Blocking, v)
		r.Blocked = append(r.Blocked, v.Lease)
	}
	if d.Since(3) {
		r.Outcome = d.outcome()
	}
	return r, d.End("a reply")
}

// EncodeQuery returns a query's bytes in a version, or ErrNotYet.
func EncodeQuery(q Query, version uint64) ([]byte, error) {
	e := newEncoder(version)
	e.Uint(uint64(q.Kind))
	e.String(q.Name)
	e.String(q.Prefix)
	e.String(q.Holder)
	e.String(q.After)
	e.Uint(uint64(q.Limit))
	if e.requires(3, q.Caller != (access.Caller{})) {
		e.caller(&q.Caller)
	}
	return e.Bytes, e.Err
}

// DecodeQuery reads what EncodeQuery wrote.
func DecodeQuery(b []byte, version uint64) (Query, error) {
	d := newDecoder(b, version)
	q := Query{
		Kind: QueryKind(d.ByteOf(uint64(QueryHistory))), Name: d.String(MaxStoredNameBytes),
		Prefix: d.String(MaxStoredNameBytes), Holder: d.String(MaxHolderBytes), After: d.String(MaxStoredNameBytes),
		Limit: d.Int(),
	}
	if d.Since(3) {
		d.caller(&q.Caller)
	}
	return q, d.End("a query")
}

// EncodeAnswer returns an answer's bytes in a version. Fields that the version does not have
// are omitted.
func EncodeAnswer(a *Answer, version uint64) []byte {
	e := newEncoder(version)
	e.Uint(a.Revision)
	e.Uint(uint64(len(a.Views)))
	for _, v := range a.Views {
		e.view(v)
	}
	e.String(a.Next)
	e.Uint(uint64(len(a.Events)))
	for _, v := range a.Events {
		e.String(v.Name)
		e.Event(v)
	}
	if e.Since(3) {
		e.Uint(uint64(a.Outcome))
	}
	return e.Bytes
}

// DecodeAnswer reads what EncodeAnswer wrote.
func DecodeAnswer(b []byte, version uint64) (Answer, error) {
	d := newDecoder(b, version)
	a := Answer{Revision: d.Uint()}
	for range d.Count(MaxListed) {
		a.Views = append(a.Views, d.view())
	}
	a.Next = d.String(MaxStoredNameBytes)
	for range d.Count(MaxHistoryEvents) {
		a.Events = append(a.Events, d.Event(d.String(MaxStoredNameBytes)))
	}
	if d.Since(3) {
		a.Outcome = d.outcome()
	}
	return a, d.End("an answer")
}

func (d *decoder) outcome() access.Outcome {
	return access.Outcome(d.ByteOf(uint64(access.OutcomeEnd) - 1))
}

func (e *encoder) optionalHold(h *Hold) {
	e.Bool(h != nil)
	if h != nil {
		e.Hold(h)
	}
}

func (d *decoder) optionalHold() *Hold {
	if d.Bool() {
		return d.Hold()
	}
	return nil
}

func (e *encoder) view(v *View) {
	e.Lease(v.Lease, false)
	e.Uint(v.Revision)
	e.Millis(v.Now)
	e.Uint(uint64(v.Holders))
	e.Uint(uint64(v.Waiters))
	e.Bool(v.Fresh)
	e.Uint(uint64(len(v.Clocks)))
	for _, c := range v.Clocks {
		e.Millis(c.FreeIn)
		e.Millis(c.RenewedAgo)
	}
	e.Millis(v.AvailableIn)
}

func (d *decoder) view() *View {
	v := &View{
		Lease: d.Lease(), Revision: d.Uint(), Now: d.Millis(), Holders: d.Int(), Waiters: d.Int(), Fresh: d.Bool(),
	}
	for range d.Count(MaxLimit) {
		v.Clocks = append(v.Clocks, Clock{FreeIn: d.Millis(), RenewedAgo: d.Millis()})
	}
	v.AvailableIn = d.Millis()
	return v
}

// Show returns the view of a lease, with at most so many holders and waiters in addition to
// their numbers. The leader adds the fields that it alone knows.
func (m *Machine) Show(l *Lease, most int) *View {
	v := &View{Lease: l, Revision: m.revision, Now: m.now, Holders: len(l.Holds), Waiters: len(l.Queue)}
	if len(l.Holds) > most || len(l.Queue) > most {
		l = l.Edit()
		l.Holds = l.Holds[:min(most, len(l.Holds))]
		l.Queue = l.Queue[:min(most, len(l.Queue))]
		v.Lease = l
	}
	return v
}
