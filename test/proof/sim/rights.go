package sim

import (
	"bytes"
	"slices"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm"
)

// rights are what the committed entries allow, by a model of their own.
type rights struct {
	on      bool              // requests need credentials
	tokens  map[string]string // principal of each token that is valid, by ID
	revoked map[string]bool   // by ID; since the commit, and not since a node has applied it
	scopes  map[string][]string
	changes int
}

func newRights() rights {
	return rights{tokens: make(map[string]string), revoked: make(map[string]bool), scopes: make(map[string][]string)}
}

// commit records the revocations in a record.
func (r *rights) commit(of *record) {
	if of.entry == nil || of.entry.Term != of.term {
		return
	}
	for _, c := range of.entry.Commands {
		if c, ok := c.(*fsm.ChangeAccess); ok && c.Change.Kind == access.DeleteToken && r.tokens[c.Change.Token.ID] != "" {
			r.revoked[c.Change.Token.ID] = true
		}
	}
}

// change applies a change, when the first node has applied it.
func (r *rights) change(c access.Change) {
	r.changes++
	switch c.Kind {
	case access.FirstToken, access.AddToken:
		r.tokens[c.Token.ID] = c.Token.Principal
	case access.DeleteToken:
		delete(r.tokens, c.Token.ID)
	case access.SetPrincipal:
		var scopes []string
		for _, rule := range c.Principal.Rules {
			scopes = append(scopes, rule.Scope)
		}
		r.scopes[c.Principal.Name] = scopes
	case access.SetMode:
		r.on = c.Mode == access.On
	}
}

// allow reports whether a caller may do something with leases; with no names: with some lease. Only the operator is an
// administrator. The rules of the others give every right but that.
func (r *rights) allow(by access.Caller, admin bool, names []string) bool {
	if !r.on || by.Local {
		return true
	}
	if r.tokens[by.TokenID] != by.Principal || by.Principal == "" {
		return false
	}
	if by.Principal == operatorName || admin {
		return by.Principal == operatorName
	}
	scopes := r.scopes[by.Principal]
	return !slices.ContainsFunc(names, func(name string) bool {
		return !slices.Contains(scopes, "*") && !slices.Contains(scopes, name)
	})
}

// arrived checks the response to a command by what was committed when the command arrived at its leader. What is neither
// a renewal nor a read is checked by what that leader had applied.
func (t *truth) arrived(at *node, c fsm.Command, respond func(fsm.Reply, error)) func(fsm.Reply, error) {
	g, ok := c.(fsm.Guarded)
	if !ok || !t.rights.on {
		return respond
	}
	right, names := g.Needs()
	by := *g.From()
	checked := t.arrivedOf(by, right, names, respond)
	if c.Traits().Lane != fsm.LaneRenewal && at.replica.Index < at.commit {
		checked = respond
	}
	return func(r fsm.Reply, err error) {
		if err == nil && r.Code.OK() {
			t.belongs(g, by, &r)
		}
		checked(r, err)
	}
}

// arrivedRead is arrived for a read.
func (t *truth) arrivedRead(q fsm.Query, respond func(fsm.Reply, error)) func(fsm.Reply, error) {
	if !t.rights.on {
		return respond
	}
	return t.arrivedOf(q.Caller, access.Read, []string{q.Name}, respond)
}

func (t *truth) arrivedOf(by access.Caller, right access.Right, names []string, respond func(fsm.Reply, error)) func(fsm.Reply, error) {
	may, revoked, changes := t.rights.allow(by, right == access.Admin, names), t.rights.revoked[by.TokenID], t.rights.changes
	return func(r fsm.Reply, err error) {
		refused, same := r.Code == fsm.CodeAccessRefused, t.rights.changes == changes
		switch {
		case err != nil:
		case revoked && !refused:
			t.w.breaks("a request of %s for %v with token %s got %v; the token was revoked before the request arrived", by.Principal, names, by.TokenID, r.Code)
		case !may && same && !refused:
			t.w.breaks("a request of %s for %v got %v, which its rules do not allow", by.Principal, names, r.Code)
		case may && same && refused && (r.Outcome == access.Unauthenticated || r.Outcome == access.NotAllowed):
			t.w.breaks("a request of %s for %v was refused (%v), and its rules allow it", by.Principal, names, r.Outcome)
		}
		respond(r, err)
	}
}

// belongs checks that the holds in a response belong to the principal of its request, and are within its rules.
func (t *truth) belongs(g fsm.Guarded, by access.Caller, r *fsm.Reply) {
	switch g.(type) {
	case *fsm.Break, *fsm.StepDown, *fsm.Transfer: // they show holds of others
		return
	}
	check := func(h *fsm.Hold) {
		if h != nil && h.Principal != "" && h.Principal != by.Principal {
			t.w.breaks("the response to a %T of %s shows token %d of %s as its own", g, by.Principal, h.Token, h.Principal)
		}
	}
	check(r.Hold)
	for _, h := range r.Holds {
		check(h.Hold)
	}
}

// commands checks that the holds of a principal are renewed and ended by its own commands only.
func (t *truth) commands(n *node, e *fsm.Entry, out *fsm.Applied) {
	if n.replica.Index <= t.seen {
		return
	}
	for i, c := range e.Commands {
		if c, ok := c.(*fsm.ChangeAccess); ok && out.Results[i].Code == fsm.CodeOK {
			t.rights.change(c.Change)
			t.w.trace("", "%v: %s %v %s", c.Change.Kind, c.Change.Principal.Name, c.Change.Principal.Rules, c.Change.Token.ID)
		}
	}
	for _, event := range out.Events {
		switch event.Type {
		case fsm.EventReleased, fsm.EventTransferred, fsm.EventReclaimed:
			t.ownCommand(e, event.Token, event.Type.String(), false)
		}
	}
	for _, timer := range out.Timers {
		if timer.Kind == fsm.TimerHold && !timer.Clear {
			t.ownCommand(e, timer.ID, "renewed", true)
		}
	}
}

// ownCommand checks that an entry has a command that may end a hold or restart its timer: one of its principal, or the
// clean-up of a node. The end of a wait and a break restart the timer, too.
func (t *truth) ownCommand(e *fsm.Entry, token uint64, what string, restarted bool) {
	h := t.holds[token]
	if h == nil || h.principal == "" || h.breaking {
		return
	}
	if !slices.ContainsFunc(e.Commands, func(c fsm.Command) bool {
		switch c := c.(type) {
		case *fsm.CancelAcquire:
			return c.Name == h.name && !restarted
		case *fsm.EndWait:
			return c.Name == h.name && restarted
		case *fsm.Break:
			return c.Name == h.name && restarted
		case fsm.Guarded:
			_, names := c.Needs()
			return c.From().Principal == h.principal && (len(names) == 0 || slices.Contains(names, h.name))
		}
		return false
	}) {
		t.w.breaks("token %d of %s (%s) is %s by no command of its principal", token, h.principal, h.name, what)
	}
}

// secretMark begins every session of a client, and nothing else that it sends.
const secretMark = "session-of-"

func secretOf(label string) string { return secretMark + label }

// stored checks that a snapshot has no session in plain form, if every member reads sealed ones.
func (t *truth) stored(s *fsm.Snapshot, image []byte) {
	if s.Version() >= sealedSince && s.ClusterID() != "" && bytes.Contains(image, []byte(secretMark)) {
		t.w.breaks("a snapshot of revision %d has a session in plain form", s.Revision())
	}
}

// sealedSince is the version since which sessions are sealed.
const sealedSince = 3
