package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm"
)

const (
	operatorName = "operator"
	thiefName    = "thief"
	principals   = 3 // of the clients
)

// principal returns the principal of a client.
func principal(client int) string { return fmt.Sprintf("app-%d", client%principals) }

// An operator enables authentication, and then revokes and adds tokens and changes rules at random times. Beside it a
// thief with its own principal uses the sessions of others. Both have their own random source.
type operator struct {
	w      *world
	rng    *rand.Rand
	tokens map[string]string // ID of the newest token of each principal; revoked ones may be among them
	count  int
	on     bool
	since  time.Duration // when it was answered that authentication is on
}

func newOperator(w *world) *operator {
	o := &operator{w: w, rng: rand.New(rand.NewPCG(w.cfg.Seed, 3)), tokens: make(map[string]string)}
	if !w.cfg.History && o.rng.Float64() < 0.4 { // package linear supports no refusals of credentials
		w.stats.Guarded++
		o.after(0, 10*time.Minute, o.enable)
	}
	return o
}

// caller returns the caller of a request at a node: none without a token, and none as long as that node knows of no
// authentication.
func (o *operator) caller(n *node, principal, token string) access.Caller {
	if token == "" || n.replica.Machine.Access().Mode() == access.Off {
		return access.Caller{}
	}
	return access.Caller{Principal: principal, TokenID: token}
}

func (o *operator) after(least, most time.Duration, do func()) {
	o.w.after(least+time.Duration(o.rng.Int64N(int64(most-least)+1)), func() {
		if !o.w.closing {
			do()
		}
	})
}

// do changes principals or tokens. It repeats the request until one is answered, as an operator does. Each attempt to add
// a token makes another one, as a node does: an earlier attempt may be applied later, even after a revocation.
func (o *operator) do(c access.Change, then func()) {
	n, answered := o.w.nodes[o.rng.IntN(len(o.w.nodes))], false
	by := access.Caller{Principal: operatorName, TokenID: o.tokens[operatorName], Local: !o.on}
	answer := func(r fsm.Reply, err error) {
		switch {
		case answered:
			return
		case err != nil:
			if c.Kind == access.AddToken {
				c.Token.ID = o.newID()
			}
			o.after(200*time.Millisecond, time.Second, func() { o.do(c, then) })
		case r.Code != fsm.CodeOK && !repeated(c, r.Outcome):
			o.w.breaks("the operator's change %+v is refused: %v, %v", c, r.Code, r.Outcome)
		default:
			if c.Kind == access.AddToken {
				o.tokens[c.Token.Principal] = c.Token.ID
			}
			then()
		}
		answered = true
	}
	if n.up {
		o.w.toClient(func() {
			n.run(n.boot, func() {
				n.do(&fsm.ChangeAccess{Sender: fsm.Sender{Caller: by}, Change: c}, fsm.Query{}, 0, answer)
			})
		})
	}
	o.after(6*time.Second, 8*time.Second, func() { answer(fsm.Reply{}, errTimeout) })
}

var errTimeout = errors.New("no response")

// repeated reports whether an outcome is that of a change whose earlier attempt was applied.
func repeated(c access.Change, o access.Outcome) bool {
	return c.Kind == access.DeleteToken && o == access.UnknownToken
}

// all does changes, one after the other.
func (o *operator) all(changes []access.Change, then func()) {
	if len(changes) == 0 {
		then()
		return
	}
	o.do(changes[0], func() { o.all(changes[1:], then) })
}

func (o *operator) enable() {
	o.tokens[operatorName] = o.newID()
	changes := []access.Change{{Kind: access.FirstToken, Token: access.Record{ID: o.tokens[operatorName], Principal: operatorName}}}
	for i := range principals + 1 {
		p := principal(i)
		if i == principals {
			p = thiefName
		}
		changes = append(changes, rulesOf(p, "*"), o.newToken(p))
	}
	o.all(append(changes, access.Change{Kind: access.SetMode, Mode: access.On}), func() {
		o.on, o.since = true, o.w.now
		o.next()
		o.steal()
	})
}

func rulesOf(principal string, scopes ...string) access.Change {
	p := access.Principal{Name: principal}
	for _, s := range scopes {
		p.Rules = append(p.Rules, access.Rule{Right: access.Operate, Scope: s})
	}
	return access.Change{Kind: access.SetPrincipal, Principal: p}
}

func (o *operator) newToken(principal string) access.Change {
	return access.Change{Kind: access.AddToken, Token: access.Record{ID: o.newID(), Principal: principal}}
}

func revocationOf(id string) access.Change {
	return access.Change{Kind: access.DeleteToken, Token: access.Record{ID: id}}
}

// newID returns the ID of a new token.
func (o *operator) newID() string {
	o.count++
	id := make([]byte, access.TokenIDLength)
	for i, rest := access.TokenIDLength-1, o.count; i >= 0; i, rest = i-1, rest/26 {
		id[i] = 'a' + byte(rest%26)
	}
	return string(id)
}

func (o *operator) next() { o.after(2*time.Second, 60*time.Second, o.act) }

// act revokes a token and adds another one later, or the other way round, or takes rights away for a while.
func (o *operator) act() {
	p := principal(o.rng.IntN(principals))
	old := o.tokens[p]
	switch r := o.rng.Float64(); {
	case r < 0.5:
		o.w.stats.Revocations++
		o.do(revocationOf(old), func() {
			o.after(0, 20*time.Second, func() { o.do(o.newToken(p), o.next) })
		})
	case r < 0.75:
		o.w.stats.Revocations++
		o.do(o.newToken(p), func() {
			o.after(0, 5*time.Second, func() { o.do(revocationOf(old), o.next) })
		})
	default:
		var scopes []string
		for i := range o.w.cfg.Names {
			if o.rng.Float64() < 0.5 {
				scopes = append(scopes, leaseName(i))
			}
		}
		o.do(rulesOf(p, append(scopes, "other")...), func() {
			o.after(0, 20*time.Second, func() { o.do(rulesOf(p, "*"), o.next) })
		})
	}
}

// steal sends a request with a copied session of a client and with the thief's own token.
func (o *operator) steal() {
	defer o.after(100*time.Millisecond, 5*time.Second, o.steal)
	w := o.w
	n, victim := w.nodes[o.rng.IntN(len(w.nodes))], w.clients[o.rng.IntN(len(w.clients))]
	if !n.up || victim.began < o.since { // the session alone owns what it acquired before authentication
		return
	}
	session, name, token := victim.session, leaseName(o.rng.IntN(w.cfg.Names)), uint64(0)
	if len(victim.held) > 0 {
		h := victim.held[o.rng.IntN(len(victim.held))]
		name, token = h.name, h.token
	}
	by := fsm.Sender{Caller: o.caller(n, thiefName, o.tokens[thiefName])}
	commands := []fsm.Command{
		&fsm.Renew{Sender: by, Name: name, Session: session, Token: token},
		&fsm.Renew{Sender: by, Name: name, Session: session, TTL: victim.ttl + 1},
		&fsm.RenewSession{Sender: by, Session: session},
		&fsm.Release{Sender: by, Name: name, Session: session, Token: token},
		&fsm.ReleaseSession{Sender: by, Session: session},
		&fsm.Transfer{Sender: by, Name: name, Session: session, Token: token, To: w.clients[o.rng.IntN(len(w.clients))].label},
		// The holder name is the thief's own: what it gets when the session is free is not the victim's.
		&fsm.Acquire{Sender: by, Name: name, Holder: thiefName, Session: session, TTL: 1_000, Limit: 1, Reclaim: true},
		&fsm.AcquireAll{Sender: by, Names: []string{name}, Holder: thiefName, Session: session, TTL: 1_000},
	}
	w.toClient(func() {
		n.run(n.boot, func() {
			n.do(commands[o.rng.IntN(len(commands))], fsm.Query{}, 0, func(r fsm.Reply, err error) {
				if err == nil && (r.Code == fsm.CodeNotHolder || r.Code == fsm.CodeSessionInUse) {
					w.stats.Foreign++
				}
			})
		})
	})
}
