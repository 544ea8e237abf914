package outcome

import (
	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm/document"
	"github.com/lockd/lockd/internal/fsm/lease"
)

type encoder struct{ lease.Encoder }

func newEncoder(version uint64) encoder { return encoder{lease.NewEncoder(version)} }

type decoder struct{ lease.Decoder }

func newDecoder(b []byte, version uint64) decoder { return decoder{lease.NewDecoder(b, version)} }

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
	if e.Since(4) {
		e.optionalObject(r.Object)
		e.Uint(uint64(r.ObjectOutcome))
	}
	return e.Bytes
}

// DecodeReply reads what EncodeReply wrote.
func DecodeReply(b []byte, version uint64) (Reply, error) {
	d := newDecoder(b, version)
	r := Reply{Result: Result{
		Code: Code(d.ByteOf(uint64(CodeEnd) - 1)), Revision: d.Uint(), Hold: d.optionalHold(), Previous: d.Previous(),
		Queued: d.Bool(), Position: d.Int(), WasHeld: d.Bool(), Held: d.Millis(),
	}}
	for range d.Count(lease.MaxSessionLeases) {
		r.Holds = append(r.Holds, Held{Name: d.String(lease.MaxStoredNameBytes), Hold: d.Hold(), Previous: d.Previous()})
		r.Expiries = append(r.Expiries, d.Millis())
	}
	for range d.Count(lease.MaxSessionLeases) {
		r.QueuesLeft = append(r.QueuesLeft, d.String(lease.MaxStoredNameBytes))
	}
	r.Waited, r.ExpiresIn, r.AvailableIn, r.TicketIn = d.Millis(), d.Millis(), d.Millis(), d.Millis()
	r.Now = d.Millis()
	if d.Bool() {
		r.View = d.view()
		r.Lease = r.View.Lease
	}
	for range d.Count(lease.MaxNames) {
		v := d.view()
		r.Blocking = append(r.Blocking, v)
		r.Blocked = append(r.Blocked, v.Lease)
	}
	if d.Since(3) {
		r.Outcome = d.outcome()
	}
	if d.Since(4) {
		r.Object = d.optionalObject()
		r.ObjectOutcome = document.Outcome(d.ByteOf(uint64(document.OutcomeEnd) - 1))
	}
	return r, d.End("a reply")
}

// version returns the oldest version that has what the query states.
func (q *Query) version() uint64 {
	switch {
	case q.Kind >= QueryObject || q.Selection != lease.Selection{Prefix: q.Prefix, Holder: q.Holder}:
		return 4
	case q.Caller != (access.Caller{}):
		return 3
	}
	return 1
}

// EncodeQuery returns a query's bytes in a version. It returns false if that version cannot express it.
func EncodeQuery(q Query, version uint64) (b []byte, ok bool) {
	e := newEncoder(version)
	e.Uint(uint64(q.Kind))
	e.String(q.Name)
	e.String(q.Prefix)
	e.String(q.Holder)
	e.String(q.After)
	e.Uint(uint64(q.Limit))
	if e.Since(3) {
		q.Caller.Encode(&e.Encoder.Encoder)
	}
	if e.Since(4) {
		q.Object.Encode(&e.Encoder)
		e.Selection(q.Selection)
		e.String(q.Session)
	}
	return e.Bytes, q.version() <= version
}

// DecodeQuery reads what EncodeQuery wrote.
func DecodeQuery(b []byte, version uint64) (Query, error) {
	d := newDecoder(b, version)
	q := Query{
		Kind: QueryKind(d.ByteOf(uint64(QueryExplain))), Name: d.String(lease.MaxStoredNameBytes),
		Selection: lease.Selection{Prefix: d.String(lease.MaxStoredNameBytes), Holder: d.String(lease.MaxHolderBytes)},
		After:     d.String(lease.MaxStoredNameBytes),
		Limit:     d.Int(),
	}
	if d.Since(3) {
		q.Caller.Decode(&d.Decoder.Decoder)
	}
	if d.Since(4) {
		q.Object = document.DecodeKey(&d.Decoder)
		d.Selection(&q.Selection)
		q.Session = d.String(lease.MaxSessionBytes)
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
	if e.Since(4) {
		e.optionalObject(a.Object)
		e.Uint(a.Own.Token)
		e.Uint(uint64(a.Own.Position))
		e.Uint(a.Own.Last)
		e.Uint(a.Own.Ended)
	}
	return e.Bytes
}

// DecodeAnswer reads what EncodeAnswer wrote.
func DecodeAnswer(b []byte, version uint64) (Answer, error) {
	d := newDecoder(b, version)
	a := Answer{Revision: d.Uint()}
	for range d.Count(lease.MaxListed) {
		a.Views = append(a.Views, d.view())
	}
	a.Next = d.String(lease.MaxStoredNameBytes)
	for range d.Count(lease.MaxHistoryEvents) {
		a.Events = append(a.Events, d.Event(d.String(lease.MaxStoredNameBytes)))
	}
	if d.Since(3) {
		a.Outcome = d.outcome()
	}
	if d.Since(4) {
		a.Object = d.optionalObject()
		a.Own = Own{Token: d.Uint(), Position: d.Int(), Last: d.Uint(), Ended: d.Uint()}
	}
	return a, d.End("an answer")
}

func (d *decoder) outcome() access.Outcome {
	return access.Outcome(d.ByteOf(uint64(access.OutcomeEnd) - 1))
}

func (e *encoder) optionalHold(h *lease.Hold) {
	e.Bool(h != nil)
	if h != nil {
		e.Hold(h)
	}
}

func (d *decoder) optionalHold() *lease.Hold {
	if d.Bool() {
		return d.Hold()
	}
	return nil
}

func (e *encoder) optionalObject(d *document.Document) {
	e.Bool(d != nil)
	if d != nil {
		d.Encode(&e.Encoder)
	}
}

func (d *decoder) optionalObject() *document.Document {
	if d.Bool() {
		return document.Decode(&d.Decoder)
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
	for range d.Count(lease.MaxLimit) {
		v.Clocks = append(v.Clocks, Clock{FreeIn: d.Millis(), RenewedAgo: d.Millis()})
	}
	v.AvailableIn = d.Millis()
	return v
}
