package fsm

// EncodeReply returns a reply's bytes in a version, for the response of the leader to
// another node. The sessions in it must not leave the cluster. Fields that the version
// does not have are omitted, so that the outcome can always be reported.
func EncodeReply(r *Reply, version uint64) []byte {
	e := encoder{version: version}
	e.uint(uint64(r.Code))
	e.uint(r.Revision)
	e.optionalHold(r.Hold)
	e.previous(r.Previous)
	e.bool(r.Queued)
	e.uint(uint64(r.Position))
	e.bool(r.WasHeld)
	e.millis(r.Held)
	e.uint(uint64(len(r.Holds)))
	for i, h := range r.Holds {
		e.string(h.Name)
		e.hold(h.Hold)
		e.previous(h.Previous)
		if i < len(r.Expiries) {
			e.millis(r.Expiries[i])
		} else {
			e.millis(0)
		}
	}
	e.uint(uint64(len(r.QueuesLeft)))
	for _, name := range r.QueuesLeft {
		e.string(name)
	}
	e.millis(r.Waited)
	e.millis(r.ExpiresIn)
	e.millis(r.AvailableIn)
	e.millis(r.TicketIn)
	e.millis(r.Now)
	e.bool(r.View != nil)
	if r.View != nil {
		e.view(r.View)
	}
	e.uint(uint64(len(r.Blocking)))
	for _, v := range r.Blocking {
		e.view(v)
	}
	return e.buf
}

// DecodeReply reads what EncodeReply wrote.
func DecodeReply(b []byte, version uint64) (Reply, error) {
	d := decoder{buf: b, version: version}
	r := Reply{Result: Result{
		Code: Code(d.byteOf(uint64(codeEnd) - 1)), Revision: d.uint(), Hold: d.optionalHold(), Previous: d.previous(),
		Queued: d.bool(), Position: d.int(), WasHeld: d.bool(), Held: d.millis(),
	}}
	for range d.count(MaxSessionLeases) {
		r.Holds = append(r.Holds, Held{Name: d.string(MaxStoredNameBytes), Hold: d.hold(), Previous: d.previous()})
		r.Expiries = append(r.Expiries, d.millis())
	}
	for range d.count(MaxSessionLeases) {
		r.QueuesLeft = append(r.QueuesLeft, d.string(MaxStoredNameBytes))
	}
	r.Waited, r.ExpiresIn, r.AvailableIn, r.TicketIn = d.millis(), d.millis(), d.millis(), d.millis()
	r.Now = d.millis()
	if d.bool() {
		r.View = d.view()
		r.Lease = r.View.Lease
	}
	for range d.count(MaxNames) {
		v := d.view()
		r.Blocking = append(r.Blocking, v)
		r.Blocked = append(r.Blocked, v.Lease)
	}
	return r, d.end("a reply")
}

// EncodeQuery returns a query's bytes in a version, or ErrNotYet.
func EncodeQuery(q Query, version uint64) ([]byte, error) {
	e := encoder{version: version}
	e.uint(uint64(q.Kind))
	e.string(q.Name)
	e.string(q.Prefix)
	e.string(q.Holder)
	e.string(q.After)
	e.uint(uint64(q.Limit))
	return e.buf, e.err
}

// DecodeQuery reads what EncodeQuery wrote.
func DecodeQuery(b []byte, version uint64) (Query, error) {
	d := decoder{buf: b, version: version}
	q := Query{
		Kind: QueryKind(d.byteOf(uint64(QueryHistory))), Name: d.string(MaxStoredNameBytes),
		Prefix: d.string(MaxStoredNameBytes), Holder: d.string(MaxHolderBytes), After: d.string(MaxStoredNameBytes),
		Limit: d.int(),
	}
	return q, d.end("a query")
}

// EncodeAnswer returns an answer's bytes in a version. Fields that the version does not have
// are omitted.
func EncodeAnswer(a *Answer, version uint64) []byte {
	e := encoder{version: version}
	e.uint(a.Revision)
	e.uint(uint64(len(a.Views)))
	for _, v := range a.Views {
		e.view(v)
	}
	e.string(a.Next)
	e.uint(uint64(len(a.Events)))
	for _, v := range a.Events {
		e.string(v.Name)
		e.event(v)
	}
	return e.buf
}

// DecodeAnswer reads what EncodeAnswer wrote.
func DecodeAnswer(b []byte, version uint64) (Answer, error) {
	d := decoder{buf: b, version: version}
	a := Answer{Revision: d.uint()}
	for range d.count(MaxListed) {
		a.Views = append(a.Views, d.view())
	}
	a.Next = d.string(MaxStoredNameBytes)
	for range d.count(MaxHistoryEvents) {
		a.Events = append(a.Events, d.event(d.string(MaxStoredNameBytes)))
	}
	return a, d.end("an answer")
}

func (e *encoder) optionalHold(h *Hold) {
	e.bool(h != nil)
	if h != nil {
		e.hold(h)
	}
}

func (d *decoder) optionalHold() *Hold {
	if d.bool() {
		return d.hold()
	}
	return nil
}

func (e *encoder) view(v *View) {
	e.lease(v.Lease, false)
	e.uint(v.Revision)
	e.millis(v.Now)
	e.uint(uint64(v.Holders))
	e.uint(uint64(v.Waiters))
	e.bool(v.Fresh)
	e.uint(uint64(len(v.Clocks)))
	for _, c := range v.Clocks {
		e.millis(c.FreeIn)
		e.millis(c.RenewedAgo)
	}
	e.millis(v.AvailableIn)
}

func (d *decoder) view() *View {
	v := &View{
		Lease: d.lease(), Revision: d.uint(), Now: d.millis(), Holders: d.int(), Waiters: d.int(), Fresh: d.bool(),
	}
	for range d.count(MaxLimit) {
		v.Clocks = append(v.Clocks, Clock{FreeIn: d.millis(), RenewedAgo: d.millis()})
	}
	v.AvailableIn = d.millis()
	return v
}

// Show returns the view of a lease, with at most so many holders and waiters in addition to
// their numbers. The leader adds the fields that it alone knows.
func (m *Machine) Show(l *Lease, most int) *View {
	v := &View{Lease: l, Revision: m.revision, Now: m.now, Holders: len(l.Holds), Waiters: len(l.Queue)}
	if len(l.Holds) > most || len(l.Queue) > most {
		l = l.edit()
		l.Holds = l.Holds[:min(most, len(l.Holds))]
		l.Queue = l.Queue[:min(most, len(l.Queue))]
		v.Lease = l
	}
	return v
}
