package linear

import (
	"fmt"

	"github.com/lockd/lockd/internal/fsm"
)

// player plays the events of one name to a machine of its own, as commands.
type player struct {
	machine *fsm.Machine
	lease   *lease
	tokens  map[uint64]uint64 // of the run, and of this machine
}

// replay sees that a machine accepts what the events say, in their order, and
// tells of each the same.
func (r *Report) replay(n *lease) {
	p := &player{machine: fsm.New(), lease: n, tokens: make(map[uint64]uint64)}
	for i := range n.events {
		e := &n.events[i]
		p.endBroken(e)
		c := p.command(e)
		if c == nil {
			continue
		}
		out := p.apply(c)
		if wrong := p.differs(e, out); wrong != "" {
			r.fail(ByRevision, n.name, "a machine does not accept %s by %s at %d: %s", e.Type, e.Holder, e.Revision, wrong)
			return
		}
	}
}

func (p *player) apply(c fsm.Command) *fsm.Applied {
	return p.machine.Apply(1, &fsm.Entry{Term: 1, Commands: []fsm.Command{c}})
}

func (p *player) hold(token uint64) *fsm.Hold {
	return p.machine.Lease(p.lease.name).HoldBy(p.tokens[token])
}

// endBroken ends a hold that is being broken where the next event says that it
// has ended: for itself that tells nothing.
func (p *player) endBroken(next *Event) {
	if next.Type != acquired || len(p.machine.Lease(p.lease.name).Holds) < p.lease.limit {
		return
	}
	for _, h := range p.machine.Lease(p.lease.name).Holds {
		if h.Break != nil {
			p.apply(expire(p.lease.name, h))
			return
		}
	}
}

func expire(name string, h *fsm.Hold) *fsm.Expire {
	return &fsm.Expire{Timer: fsm.TimerHold, Name: name, ID: h.Token, Seq: h.Seq}
}

// command is what an event came of; nil where a watch tells more than that.
func (p *player) command(e *Event) fsm.Command {
	name, session := p.lease.name, fmt.Sprintf("session-of-%016d", e.Token)
	switch e.Type {
	case acquired:
		return &fsm.Acquire{Name: name, Holder: e.Holder, Session: session, TTL: fsm.DefaultTTL, Limit: p.lease.limit}
	case released:
		return &fsm.Release{Name: name, Session: session, Token: p.tokens[e.Token]}
	case broken:
		return &fsm.Break{Name: name, Token: p.tokens[e.Token], Reason: "replayed", Grace: fsm.InheritGrace}
	case expired, free:
		h := p.hold(e.Token)
		if h == nil {
			return &fsm.Expire{Timer: fsm.TimerHold, Name: name, ID: p.tokens[e.Token]}
		}
		return expire(name, h)
	}
	return nil
}

// differs says how what the machine did is not what the event told, or "".
func (p *player) differs(e *Event, out *fsm.Applied) string {
	if code := out.Results[0].Code; !code.OK() {
		return "it answers " + code.String()
	}
	if len(out.Events) == 0 {
		return "nothing comes of it"
	}
	got := out.Events[0]
	if e.Type == acquired {
		p.tokens[e.Token] = got.Token
	}
	if got.Type.String() != e.Type || got.Holder != e.Holder || got.Cause.String() != e.Cause || got.Token != p.tokens[e.Token] {
		return fmt.Sprintf("it tells %s of %s, cause %q", got.Type, got.Holder, got.Cause)
	}
	return ""
}
