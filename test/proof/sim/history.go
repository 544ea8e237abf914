package sim

import (
	"errors"
	"time"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/test/history/linear"
)

// record adds an operation with its response to the history, in the form of package linear.
func (w *world) record(o *op, n *node, r fsm.Reply, err error) {
	if !w.cfg.History {
		return
	}
	done := o.Op
	done.Back, done.Node, done.Sendings = w.now, name(n.id), o.sendings
	done.Stray = o.stray
	switch {
	case err == nil && (r.Code.OK() || o.Kind == linear.Read):
		done.Result = linear.Done
	case err == nil:
		done.Result = linear.Refused
	case o.stray:
		done.Result = linear.Unknown
	default:
		done.Result = linear.Failed
	}
	if err != nil && !o.stray && errors.Is(err, fsm.ErrUnknown) {
		w.breaks("the outcome of an operation is unknown, but that of all its attempts is known")
	}
	if o.Kind != "" {
		w.history.Ops = append(w.history.Ops, withResponse(done, r, err))
		return
	}
	// Several names are recorded as several operations of separate clients.
	for i, h := range r.Holds {
		each := done
		each.Kind, each.Client, each.Name = o.several, done.Client+"/"+h.Name, h.Name
		each.Token = 0
		one := fsm.Reply{Result: fsm.Result{Code: r.Code, Revision: r.Revision, Hold: h.Hold}, Waited: r.Waited}
		if i < len(r.Expiries) {
			one.ExpiresIn = r.Expiries[i]
		}
		w.history.Ops = append(w.history.Ops, withResponse(each, one, err))
	}
	if done.Result != linear.Done && done.Stray {
		w.open(o, done)
	}
}

// open records, for each of several names, that an attempt may still take effect, whatever the response to another
// attempt was.
func (w *world) open(o *op, as linear.Op) {
	as.Kind, as.Result = o.several, linear.Unknown
	for _, of := range o.names {
		each := as
		each.Client, each.Name = as.Client+"/"+of, of
		w.history.Ops = append(w.history.Ops, each)
	}
	for _, h := range o.held {
		each := as
		each.Client, each.Name, each.Token = as.Client+"/"+h.name, h.name, h.token
		w.history.Ops = append(w.history.Ops, each)
	}
}

// withResponse adds the content of a response.
func withResponse(o linear.Op, r fsm.Reply, err error) linear.Op {
	if err != nil {
		return o
	}
	o.Revision = r.Revision
	o.Waited, o.ExpiresIn = r.Waited, r.ExpiresIn
	o.Queued, o.WasHeld = r.Queued, r.WasHeld
	if o.Result == linear.Refused {
		o.Code = r.Code.String()
	}
	if h := r.Hold; h != nil && o.Result == linear.Done && o.Kind != linear.Break {
		o.Got, o.Slot, o.Created = h.Token, h.Slot, r.Code == fsm.CodeGranted
		o.TTL = h.TTL
	}
	if v := r.View; v != nil {
		o.State, o.Queue = v.Lease.State().String(), v.Waiters
		for _, h := range v.Lease.Holds {
			o.Holders = append(o.Holders, linear.Holder{Holder: h.Holder, Token: h.Token})
		}
		if o.Result == linear.Refused {
			o.Revision = v.Revision
		}
	}
	return o
}

// note adds an event, as a watch delivers it.
func (w *world) note(e *fsm.Event, at time.Duration) {
	if !w.cfg.History {
		return
	}
	if len(w.history.Events) == 0 {
		w.history.Rho = w.cfg.Drift
		w.history.Events = []linear.Stream{{Node: "all"}}
	}
	s := &w.history.Events[0]
	s.To = e.Revision
	s.Events = append(s.Events, linear.Event{
		Revision: e.Revision, Type: e.Type.String(), Name: e.Name, Holder: e.Holder, Token: e.Token, Cause: e.Cause.String(), Seen: at,
	})
}

// shifted records that a failover or a pause moved deadlines.
func (w *world) shifted(from, to time.Duration) {
	if w.cfg.History {
		w.history.Terms = append(w.history.Terms, linear.TermChange{From: from, To: to})
	}
}
