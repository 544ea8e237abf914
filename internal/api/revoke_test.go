package api_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm"
)

// leaked is a world in which app holds two leases and waits for one of them and for one of other.
type leaked struct {
	*world
	ops, id string
}

func newLeaked(t *testing.T) leaked {
	t.Helper()
	w := newWorld(t)
	l := leaked{world: w, ops: w.admin()}
	w.node.token(w, "app", "acquire:*")
	token, err := access.NewToken(counting{"app"})
	if err != nil {
		t.Fatal(err)
	}
	l.id = token.ID
	w.node.token(w, "other", "acquire:*")
	w.change(w, access.Change{Kind: access.SetMode, Mode: access.On})
	l.set(func(*node) {
		l.acquire("app", "a", sessionA)
		l.acquire("app", "b", sessionA)
		l.acquire("other", "c", sessionB)
		l.acquire("app", "a", sessionC)
		l.acquire("app", "c", sessionC)
	})
	return l
}

// acquire acquires a lease as a principal, or waits for it. The caller must hold the node's lock.
func (l leaked) acquire(principal, name, session string) {
	c := &fsm.Acquire{Name: name, Holder: principal, Session: session, TTL: 60_000, Wait: 60_000, Limit: 1, AttemptID: fsm.AttemptID{Boot: 9, N: uint64(len(l.events)) + 1}}
	c.Caller.Principal = principal
	l.apply(c)
}

func (l leaked) revoke(query string) *answer {
	l.Helper()
	return l.send(http.MethodDelete, "/v1/tokens/"+l.id+query, "", "Authorization", l.ops)
}

// of returns what a principal holds and waits for.
func (l leaked) of(principal string) (all []string) {
	l.set(func(n *node) {
		leases, _ := n.machine.Page(fsm.Selection{}, "", fsm.MaxListed)
		for _, one := range leases {
			for _, h := range one.Holds {
				if h.Principal == principal {
					all = append(all, one.Name)
				}
			}
			for _, t := range one.Queue {
				if t.Principal == principal {
					all = append(all, "queue of "+one.Name)
				}
			}
		}
	})
	return all
}

// during calls f before the nth command of a request, for each n from 1, until the returned function is called.
func (l leaked) during(f func(n int, of *node)) (commands func() int) {
	count := 0
	l.set(func(n *node) {
		n.onCommand = func(context.Context) { count++; n.set(func(of *node) { f(count, of) }) }
	})
	return func() int {
		l.set(func(n *node) { n.onCommand, n.fail = nil, nil })
		return count
	}
}

// Something is acquired with the token before each command of the revocation.
func TestNothingAcquiredWithARevokedTokenSurvivesItsBreak(t *testing.T) {
	l := newLeaked(t)
	done := l.during(func(n int, of *node) {
		if of.machine.Access().Token(l.id) != nil {
			l.acquire("app", "late."+string(rune('a'+n)), sessionA)
		}
	})
	a := l.revoke("?break=true").want(200)
	if commands := done(); commands < 7 {
		t.Errorf("%d commands", commands)
	}
	a.is("was_gone", "")
	if left := l.of("app"); len(left) > 0 {
		t.Errorf("app has %v", left)
	}
	if left := l.of("other"); len(left) != 1 {
		t.Errorf("other has %v", left)
	}
	l.revoke("?break=true").want(409, "refused")
	l.set(func(*node) { l.acquire("app", "a", sessionA) })
	l.revoke("?break=true&principal=app").want(200).is("was_gone", "true", "broken", "1")
}

// What the leader took before it had applied the revocation is in the log after it.
func TestBreakEndsWhatWasOnItsWayWhenTheTokenWasRevoked(t *testing.T) {
	l := newLeaked(t)
	was := true
	done := l.during(func(_ int, of *node) {
		if is := of.machine.Access().Token(l.id) != nil; is != was {
			was = is
			l.acquire("app", "late", sessionA)
			l.acquire("app", "c", sessionA)
		}
	})
	l.revoke("?break=true").want(200)
	done()
	if left := l.of("app"); was || len(left) > 0 {
		t.Errorf("app has %v", left)
	}
}

// The cluster loses its leader before any command of the revocation. A repeat completes it.
func TestInterruptedRevocationIsCompletedByARepeat(t *testing.T) {
	for _, fails := range []error{fsm.ErrNoLeader, fsm.ErrUnknown} {
		for last, at := 1, 1; at <= last; at++ {
			l := newLeaked(t)
			done := l.during(func(n int, of *node) {
				if n == at {
					of.fail = fails
				}
			})
			a := l.revoke("?break=true&principal=app")
			last = max(last, at+1)
			if done() < at {
				a.want(200)
				break
			}
			gone := l.machine.Access().Token(l.id) == nil
			switch {
			case at == 1 && errors.Is(fails, fsm.ErrNoLeader):
				a.want(503, "no-leader")
			default:
				a.want(504, "outcome-unknown").is("definitive", "false")
				if !strings.Contains(a.text("detail"), "principal=app") {
					t.Errorf("command %d fails: %s", at, a.body)
				}
			}
			if gone {
				l.revoke("?break=true").want(409, "refused")
			}
			l.revoke("?break=true&principal=app").want(200)
			if left := l.of("app"); len(left) > 0 || l.machine.Access().Token(l.id) != nil {
				t.Errorf("command %d failed: app has %v", at, left)
			}
			_ = l.stop()
		}
	}
}

func TestRevocationNamesThePrincipalOfItsToken(t *testing.T) {
	l := newLeaked(t)
	l.revoke("?break=true&principal=other").want(400, "invalid")
	l.revoke("?break=true&principal=.").want(400, "invalid")
	l.revoke("?break=maybe").want(400, "invalid")
	if len(l.of("app")) != 4 {
		t.Errorf("a refused request changed what app has: %v", l.of("app"))
	}
	l.revoke("?principal=app").want(200)
	l.revoke("?principal=app").want(409, "refused")
	if len(l.of("app")) != 4 {
		t.Errorf("a revocation without break changed what app has: %v", l.of("app"))
	}
}
