package leader

import (
	"time"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm"
)

// A guard is what a term needs of the machine before it takes a command. It is read without the lock of Host.View.
type guard struct {
	salt    string // sessions are sealed with it
	enabled bool   // callers need credentials
}

// sessionIn returns a session as the machine stores it now: it may have sealed its sessions since the command was
// submitted.
func sessionIn(m *fsm.Machine, session string) string { return access.SealSession(m.Salt(), session) }

func guardOf(m *fsm.Machine) *guard { return &guard{salt: m.Salt(), enabled: m.Guards()} }

// adopt makes the term use what the machine states now. The caller holds the lock of Host.View.
func (t *Term) adopt(m *fsm.Machine) {
	g := guardOf(m)
	t.guard.Store(g)
	t.waiters.seal(g.salt)
	t.packer.seal(g.salt)
	if g.enabled {
		t.withdraw(m)
	}
}

// withdraw refuses the proposals that wait to be packed and whose callers may not send them any more. What is packed
// already cannot be refused: at most maxInFlight entries. The caller holds the lock of Host.View.
func (t *Term) withdraw(m *fsm.Machine) {
	wall := t.host.Wall()
	withdrawn := t.packer.withdraw(func(c fsm.Command) bool { return m.Check(c, wall) != access.Done })
	if len(withdrawn) == 0 {
		return
	}
	t.host.Go(func() {
		for _, b := range withdrawn {
			t.refuseProposal(b)
		}
	})
}

// refuseProposal refuses a proposal as refuse does a command, or proposes it again.
func (t *Term) refuseProposal(b proposal) {
	r, allowed := fsm.Result{Code: fsm.CodeAccessRefused}, false
	t.confirmer.add(check{
		commit: t.host.CommitIndex(),
		look: func(m *fsm.Machine) {
			r.Revision, r.Outcome = m.Revision(), m.Check(b.command, t.host.Wall())
			allowed = r.Outcome == access.Done
		},
		respond: func(err error) {
			switch {
			case err != nil:
				b.respond(fsm.Result{}, timing{}, err)
			case allowed:
				t.packer.propose(b)
			default:
				b.respond(r, timing{arrival: b.arrival}, nil)
			}
		},
	})
}

// admit returns a command as its caller may send it, or why the caller may not.
func admit(m *fsm.Machine, c fsm.Command, wall int64) (fsm.Command, access.Outcome) {
	if o := m.Check(c, wall); o != access.Done {
		return nil, o
	}
	renewal, ok := c.(*fsm.RenewSession)
	if !ok {
		return c, access.Done
	}
	if renewal = renewal.Within(m, wall); renewal == nil {
		return nil, access.NotAllowed
	}
	return renewal, access.Done
}

// submitGuarded submits a command if its caller may send it. The node with the caller's connection has checked that by
// its own copy of the machine, which may be old.
func (t *Term) submitGuarded(c fsm.Command, arrival time.Duration, respond func(fsm.Reply, error)) {
	var admitted fsm.Command
	outcome, foreign := access.Done, false
	t.host.View(func(r *Replica) {
		if admitted, outcome = admit(r.Machine, c, t.host.Wall()); outcome == access.Done {
			foreign = r.Machine.Foreign(admitted)
		}
	})
	switch {
	case outcome != access.Done:
		t.refuse(c, arrival, respond)
	case foreign:
		t.log(admitted, arrival, respond) // the machine refuses it
	default:
		t.submit(admitted, arrival, respond)
	}
}

// refuse refuses a command once a quorum has confirmed the term: the credential may have been added by another leader.
func (t *Term) refuse(c fsm.Command, arrival time.Duration, respond func(fsm.Reply, error)) {
	var reply fsm.Reply
	t.confirmer.add(check{
		commit: t.host.CommitIndex(),
		look: func(m *fsm.Machine) {
			reply.Code, reply.Revision = fsm.CodeAccessRefused, m.Revision()
			_, reply.Outcome = admit(m, c, t.host.Wall())
		},
		respond: func(err error) {
			if err == nil && reply.Outcome == access.Done {
				t.submitGuarded(c, arrival, respond)
				return
			}
			respond(reply, err)
		},
	})
}
