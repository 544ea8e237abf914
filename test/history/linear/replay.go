package linear

import (
	"fmt"

	"github.com/lockd/lockd/internal/fsm"
)

// player replays the events of one name as commands on a state machine.
type player struct {
	machine *fsm.Machine
	lease   *lease
	tokens  map[uint64]uint64 // token in the run to token in this machine
}

// replay checks that a state machine accepts the events, in their order, and emits the same events.
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
			r.fail(ByRevision, n.name, "a state machine does not accept %s by %s at %d: %s", e.Type, e.Holder, e.Revision, wrong)
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

// endBroken ends a hold in its grace period if the next event shows that it has ended. This end has no event of its
// own.
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

// command returns the command that caused an event, or nil if the event has no command of its own.
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

// differs describes the difference between the event and the result of the machine, or returns "".
func (p *player) differs(e *Event, out *fsm.Applied) string {
	if code := out.Results[0].Code; !code.OK() {
		return "it answers " + code.String()
	}
	if len(out.Events) == 0 {
		return "the machine emits no event"
	}
	got := out.Events[0]
	if e.Type == acquired {
		p.tokens[e.Token] = got.Token
	}
	if got.Type.String() != e.Type || got.Holder != e.Holder || got.Cause.String() != e.Cause || got.Token != p.tokens[e.Token] {
		return fmt.Sprintf("the machine emits %s by %s, cause %q", got.Type, got.Holder, got.Cause)
	}
	return ""
}
