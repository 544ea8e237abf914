package conformance

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lockd/lockd/lockdtest"
	"github.com/lockd/lockd/test/harness/nodes"
)

// A play is one run of a scenario with one driver.
type play struct {
	t       *testing.T
	cluster *nodes.Cluster
	driver  *driver
	prefix  string // of all names, so that plays do not share leases
	clients map[string]*actor
	holds   map[string]*hold
	dead    *nodes.Node

	secured    *securedCluster // the cluster, if it has TLS and authentication
	principals map[string]bool // that the play has created
}

func newPlay(t *testing.T, cluster *nodes.Cluster, d *driver, prefix string) *play {
	return &play{
		t: t, cluster: cluster, driver: d, prefix: prefix,
		clients: make(map[string]*actor), holds: make(map[string]*hold), principals: make(map[string]bool),
	}
}

// An actor is a client and its links to the nodes.
type actor struct {
	name         string
	holder       string
	links        []*lockdtest.Link
	*credentials           // nil: none
	confirmed    time.Time // when the last request was answered before its credentials became invalid
}

// A hold is the state of a hold in the scenario.
type hold struct {
	by        *actor
	name      string
	ttl       time.Duration
	acquireID int // ID of the acquire command
	token     uint64
	granted   time.Time
	lost      time.Time
}

func (p *play) run(s scenario) {
	p.t.Helper()
	for i, st := range s.Steps {
		do, ok := verbs[st.Do]
		if !ok {
			p.t.Fatalf("step %d: unknown verb %q", i+1, st.Do)
		}
		p.t.Logf("%d %s %s%s", i+1, st.Do, st.Client, st.Lease)
		do(p, st)
	}
}

var verbs = map[string]func(*play, step){
	"client":        (*play).newClient,
	"acquire":       func(p *play, s step) { p.beginAcquire(s); p.granted(s) },
	"begin acquire": (*play).beginAcquire,
	"granted":       (*play).granted,
	"cancel":        func(p *play, s step) { p.command(s, command{Do: "cancel", Lease: s.Lease}) },
	"passes to":     (*play).passesTo,
	"renew":         func(p *play, s step) { p.command(s, command{Do: "renew", Lease: s.Lease}) },
	"release":       func(p *play, s step) { p.command(s, command{Do: "release", Lease: s.Lease}) },
	"transfer":      (*play).transfer,
	"lost":          (*play).lost,
	"outlive":       (*play).outlive,
	"held":          (*play).held,
	"free":          (*play).free,
	"queued":        (*play).queued,
	"grants":        (*play).grants,
	"break":         (*play).breaks,
	"silence":       func(p *play, s step) { p.eachLink(s, (*lockdtest.Link).Silence) },
	"mute":          func(p *play, s step) { p.eachLink(s, (*lockdtest.Link).SilenceAnswers) },
	"restore":       func(p *play, s step) { p.eachLink(s, (*lockdtest.Link).Restore) },
	"cut":           func(p *play, s step) { p.eachLink(s, (*lockdtest.Link).Cut) },
	"kill leader":   (*play).killLeader,
	"revive":        (*play).revive,
	"new leader":    (*play).newLeader,
	"uses leader":   (*play).usesLeader,
	"watch":         func(p *play, s step) { p.command(s, command{Do: "watch", Client: s.Client, Name: p.prefix + s.Name}) },
	"event":         (*play).event,

	"rotate token":       (*play).rotateToken,
	"replace token":      (*play).replaceToken,
	"revoke token":       (*play).revokeToken,
	"lock token":         (*play).lockToken,
	"rotate certificate": (*play).rotateCertificate,
	"set rules":          (*play).setRules,
	"answer":             (*play).answer,
	"elect":              (*play).elect,
	"leads":              func(p *play, s step) { p.leading(s, "leads") },
	"leads no more":      func(p *play, s step) { p.leading(s, "resigned") },
}

// command sends a command to the driver and checks the result.
func (p *play) command(s step, c command) message {
	p.t.Helper()
	m := p.driver.answer(p.driver.send(c))
	if !s.wants(m.Result) {
		p.t.Fatalf("%s %s%s ended with %q (%s), want %q", s.Do, s.Client, s.Lease, m.Result, m.Detail, s.want())
	}
	return m
}

func (p *play) newClient(s step) {
	a := &actor{name: s.Client, holder: p.prefix + s.Client}
	if s.Holder != "" {
		a.holder = p.prefix + s.Holder
	}
	var addresses []string
	for _, n := range p.cluster.Nodes {
		link := lockdtest.NewLink(p.t, n.HTTP)
		a.links = append(a.links, link)
		addresses = append(addresses, link.Address)
	}
	if s.Nowhere {
		addresses = []string{"http://" + nodes.FreeAddress(p.t)}
	}
	p.clients[s.Client] = a
	session := s.Session
	if session != "" {
		session = p.prefix + session
	}
	c := command{
		Do: "client", Client: s.Client, Addresses: addresses, Holder: a.holder, Session: session, Timeout: s.Timeout,
	}
	if p.secured != nil {
		p.secure(a, s, &c)
	}
	p.command(s, c)
}

func (p *play) beginAcquire(s step) {
	h := &hold{by: p.clients[s.Client], name: p.prefix + s.Name, ttl: time.Duration(s.TTL) * time.Millisecond}
	p.holds[s.Lease] = h
	h.acquireID = p.driver.send(command{
		Do: "acquire", Client: s.Client, Lease: s.Lease, Name: h.name, TTL: s.TTL, Wait: s.Wait, Limit: s.Limit,
		Priority: s.Priority, Meta: s.Meta, Keep: s.Keep == nil || *s.Keep, Reclaim: s.Reclaim,
	})
}

func (p *play) granted(s step) {
	p.t.Helper()
	h := p.holds[s.Lease]
	m := p.driver.answer(h.acquireID)
	if !s.wants(m.Result) {
		p.t.Fatalf("%s of %s ended with %q (%s), want %q", s.Do, s.Lease, m.Result, m.Detail, s.want())
	}
	h.token, h.granted = m.Token, m.at
	if before := p.holds[s.Above]; before != nil && before.lost.After(h.granted) {
		p.t.Errorf("%s was granted %v before the loss of %s was reported", s.Lease, before.lost.Sub(h.granted), s.Above)
	}
	switch {
	case s.Above != "" && h.token <= p.holds[s.Above].token:
		p.t.Errorf("the token %d is not above %d", h.token, p.holds[s.Above].token)
	case s.Same != "" && h.token != p.holds[s.Same].token:
		p.t.Errorf("the token is %d, want %d of the same hold", h.token, p.holds[s.Same].token)
	case s.Slot != nil && m.Slot != *s.Slot:
		p.t.Errorf("the slot is %d, want %d", m.Slot, *s.Slot)
	}
}

func (p *play) transfer(s step) {
	p.t.Helper()
	p.command(s, command{Do: "transfer", Lease: s.Lease, To: p.prefix + s.To})
}

// refusedPart is the part of the TTL after the last confirmed renewal during which a holder whose
// renewals are refused must not report a loss. The deadline is later.
const refusedPart = 0.8

// lost waits until the driver reports a loss. It checks that the loss was reported only once, and not
// before the deadline if the holder's renewals are refused.
func (p *play) lost(s step) {
	p.t.Helper()
	is := func(m message) bool { return m.Event == "lost" && m.Lease == s.Lease }
	h := p.holds[s.Lease]
	h.lost = p.driver.event("the loss of "+s.Lease, is).at
	if n := p.driver.seen(is); n != 1 {
		p.t.Errorf("the loss was reported %d times", n)
	}
	if after := h.lost.Sub(h.by.confirmed); after < time.Duration(refusedPart*float64(h.ttl)) {
		p.t.Errorf("the loss was reported %v after the last confirmed renewal, want the deadline of %v", after, h.ttl)
	}
}

// answered returns when the last request was sent that the actor got a response to.
func (a *actor) answered() (last time.Time) {
	for _, l := range a.links {
		if at := l.Answered(); at.After(last) {
			last = at
		}
	}
	return last
}

// outlive waits until a lease is a number of TTLs old, and checks that it was not lost.
func (p *play) outlive(s step) {
	p.t.Helper()
	h := p.holds[s.Lease]
	<-time.After(time.Until(h.granted.Add(time.Duration(s.TTLs * float64(h.ttl)))))
	h.granted = time.Now()
	if n := p.driver.seen(func(m message) bool { return m.Event == "lost" && m.Lease == s.Lease }); n > 0 {
		p.t.Errorf("%s was lost", s.Lease)
	}
}

func (p *play) node() *nodes.Node {
	for _, n := range p.cluster.Nodes {
		if n != p.dead {
			return n
		}
	}
	return nil
}

func (p *play) lease(name, verb string) nodes.Answer {
	return p.node().Get("/v1/leases/" + p.prefix + name + verb)
}

func (p *play) held(s step) {
	p.t.Helper()
	a := p.lease(s.Name, "").Want(p.t, http.StatusOK)
	if by, token := a.Text("holder"), uint64(a.Number("token")); by != p.clients[s.By].holder || token != p.holds[s.Lease].token {
		p.t.Errorf("%s is held by %q with token %d: %s", s.Name, by, token, a.Raw)
	}
}

// passesTo waits until a client holds a lease according to the nodes, whatever the client knows.
func (p *play) passesTo(s step) {
	p.t.Helper()
	nodes.Eventually(p.t, s.Name+" passes to "+s.By, func() bool {
		return p.lease(s.Name, "").Text("holder") == p.clients[s.By].holder
	})
}

func (p *play) free(s step) {
	p.t.Helper()
	nodes.Eventually(p.t, s.Name+" is free", func() bool { return p.lease(s.Name, "").Text("state") == "free" })
}

func (p *play) queued(s step) {
	p.t.Helper()
	nodes.Eventually(p.t, fmt.Sprintf("%d wait for %s", s.Count, s.Name), func() bool {
		return p.lease(s.Name, "").Number("queue_length") == int64(s.Count)
	})
}

// grants counts how often a lease was granted.
func (p *play) grants(s step) {
	p.t.Helper()
	if n := strings.Count(p.lease(s.Name, "/history").Want(p.t, http.StatusOK).Raw, `"acquired"`); n != s.Count {
		p.t.Errorf("%s was granted %d times, want %d", s.Name, n, s.Count)
	}
}

func (p *play) breaks(s step) {
	p.t.Helper()
	h := p.holds[s.Lease]
	p.node().Post("/v1/leases/"+h.name+"/break", nodes.In{"token": h.token, "reason": "a test", "grace_ms": 0}).Want(p.t, http.StatusAccepted)
}

func (p *play) eachLink(s step, do func(*lockdtest.Link)) {
	for i, l := range p.clients[s.Client].links {
		if s.Node == nil || *s.Node == i {
			do(l)
		}
	}
}

func (p *play) killLeader(step) {
	p.t.Helper()
	p.dead = p.cluster.Leader()
	p.dead.Kill()
}

// newLeader transfers leadership to another node.
func (p *play) newLeader(step) {
	p.t.Helper()
	old := p.cluster.Leader()
	old.Post("/v1/cluster/transfer-leader", nodes.In{"to": p.cluster.Others(old)[0].Name}).Want(p.t, http.StatusOK)
	nodes.Eventually(p.t, "another node leads", func() bool { return p.cluster.Leader() != old })
}

// usesLeader waits until the client's last answered request went to the leader, three times in a row with another
// request each: a request that a follower forwards ends the row.
func (p *play) usesLeader(s step) {
	p.t.Helper()
	a := p.clients[s.Client]
	alive := p.cluster.Nodes
	if p.dead != nil {
		alive = p.cluster.Others(p.dead)
	}
	inARow, last := 0, a.answered()
	nodes.Eventually(p.t, s.Client+" sends its requests to the leader", func() bool {
		at := a.answered()
		if at.Equal(last) {
			return inARow >= 3
		}
		leader := nodes.LeaderAmong(p.t, alive...)
		if last = at; a.links[slices.Index(p.cluster.Nodes, leader)].Answered().Before(at) {
			inARow = 0
		} else {
			inARow++
		}
		return inARow >= 3
	})
}

func (p *play) revive(step) {
	p.t.Helper()
	p.dead.Start()
	p.dead.WaitReady()
	p.dead = nil
}

func (p *play) event(s step) {
	p.t.Helper()
	m := p.driver.event("event "+s.Type, func(m message) bool { return m.Event == "watched" && m.Client == s.Client })
	if m.Type != s.Type {
		p.t.Fatalf("the next event is %q, want %q", m.Type, s.Type)
	}
	if s.Lease != "" && m.Token != p.holds[s.Lease].token {
		p.t.Errorf("%s has token %d, want %d", m.Type, m.Token, p.holds[s.Lease].token)
	}
}

func (p *play) elect(s step) {
	p.t.Helper()
	p.command(s, command{Do: "elect", Client: s.Client, Name: p.prefix + s.Name, TTL: s.TTL})
}

func (p *play) leading(s step, event string) {
	p.t.Helper()
	p.driver.event(s.Client+" "+event, func(m message) bool { return m.Event == event && m.Client == s.Client })
}
