package chaos

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// A played step is the result of one step.
type played struct {
	Step     Step
	Victims  string
	Evidence string
	Err      error // why it could not be run, or had no effect
	Alone    bool
	Injected time.Duration // start time
	Healed   time.Duration
	Gap      time.Duration // longest time without a write around it
	Back     time.Duration // time from its end to the next write
	Out      time.Duration // how long the node took to react; 0: not timed
}

// A player plays a schedule on a world.
type player struct {
	w      *world
	pulse  *pulse
	ledger *ledger
	crowds []*crowd
	random *rand.Rand

	backs []time.Duration // time from the end of each bout to the next write
	least float64         // lowest rate of operations before a fault, per second

	// mu guards engaged: the active faults, by area and machine.
	mu      sync.Mutex
	engaged map[string]bool
}

// leastLoad is the minimum rate of operations before a fault, per second.
const leastLoad = 50

// recoveryBound is how long a healed cluster may take until all nodes are ready. The time is reported.
const recoveryBound = 40 * time.Second

// bout plays one bout.
func (p *player) bout(b Bout) ([]played, error) {
	if err := p.quiet(b.quiet()); err != nil {
		return nil, err
	}
	results := make([]played, len(b.Steps))
	var ended sync.WaitGroup
	for i, s := range b.Steps {
		ended.Go(func() {
			time.Sleep(s.after())
			results[i] = p.step(s)
			results[i].Alone = len(b.Steps) == 1
		})
	}
	ended.Wait()
	healed := p.w.now()
	if err := p.recovered(healed); err != nil {
		return results, err
	}
	if first, ok := p.pulse.since(healed); ok {
		p.backs = append(p.backs, first-healed)
	}
	for i := range results {
		p.measure(&results[i])
	}
	if damaging(b) {
		p.checkLedger()
	}
	return results, nil
}

// quiet waits without faults and checks the load.
func (p *player) quiet(lasts time.Duration) error {
	began, before := time.Now(), p.ops()
	rate := 0.0
	err := p.w.await(fmt.Sprintf("the rate is %d operations per second", leastLoad), 10*time.Second, func() error {
		took := time.Since(began)
		if rate = float64(p.ops()-before) / took.Seconds(); took < lasts || rate < leastLoad {
			return fmt.Errorf("%.0f operations per second in %v", rate, took.Round(time.Millisecond))
		}
		return nil
	})
	if p.least == 0 || rate < p.least {
		p.least = rate
	}
	return err
}

func (p *player) ops() int64 {
	sum := int64(0)
	for _, c := range p.crowds {
		sum += c.ops.Load()
	}
	return sum
}

// step injects one fault.
func (p *player) step(s Step) played {
	r := played{Step: s}
	k, err := kindNamed(s.Kind)
	if err != nil {
		r.Err = err
		return r
	}
	v, err := p.engage(k.area, s.Target)
	if err != nil {
		r.Err = err
		return r
	}
	defer p.release(k.area, v)
	f := k.make(p.w, v, s)
	r.Victims, r.Injected = v.String(), p.w.now()
	err = f.inject()
	if err == nil {
		time.Sleep(s.lasts())
		p.awaitEffect(f)
	}
	err = errors.Join(err, f.heal())
	r.Healed = p.w.now()
	if err == nil {
		r.Evidence, err = f.effect()
	}
	if t, ok := f.(timed); ok {
		r.Out = t.took()
	}
	r.Err = err
	return r
}

// awaitEffect waits until a fault has had an effect, if it can report that. effect reports it if there was none.
func (p *player) awaitEffect(f fault) {
	waits, ok := f.(patient)
	if !ok {
		return
	}
	_ = p.w.await("the fault has an effect", effectWithin, func() error {
		done, err := waits.hasEffect()
		if err == nil && !done {
			err = errors.New("no effect yet")
		}
		return err
	})
}

// engage returns the victims of a target, among the machines without an active fault of the area.
func (p *player) engage(a area, target string) (v victims, err error) {
	err = p.w.await("a machine without a fault of this area is available", 15*time.Second, func() error {
		v, err = p.find(a, target)
		return err
	})
	return v, err
}

func (p *player) find(a area, target string) (v victims, err error) {
	var leader *node
	if target == theLeader || target == aFollower {
		if leader, err = p.w.leader(); err != nil && target == theLeader {
			return v, err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch target {
	case theLeader:
		v.nodes = []*node{leader}
	case aFollower:
		rest := without(p.w.nodes, leader)
		first := p.random.IntN(len(rest))
		for i := range rest {
			if n := rest[(first+i)%len(rest)]; !p.engaged[string(a)+n.name] {
				v.nodes = []*node{n}
				break
			}
		}
	case allNodes:
		v.nodes = p.w.nodes
	case oneClient:
		v.crowd = p.crowds[p.random.IntN(len(p.crowds))]
	case theCluster:
	default:
		v.nodes = []*node{p.w.node(target)}
	}
	for _, name := range v.names() {
		if p.engaged[string(a)+name] {
			return v, fmt.Errorf("%s already has a fault of this area", name)
		}
	}
	if v.names() == nil && target != theCluster {
		return v, fmt.Errorf("no machine is left for target %s", target)
	}
	for _, name := range v.names() {
		p.engaged[string(a)+name] = true
	}
	return v, nil
}

func (p *player) release(a area, v victims) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, name := range v.names() {
		delete(p.engaged, string(a)+name)
	}
}

// recovered waits until every node is ready and a write that started after the end of the faults has succeeded.
func (p *player) recovered(healed time.Duration) error {
	err := p.w.await("every node is ready after its faults have ended", recoveryBound, func() error {
		if _, ok := p.pulse.since(healed); !ok {
			return errors.New("no write has succeeded")
		}
		return p.w.allReady()
	})
	if err != nil {
		p.w.violate("%v", err)
	}
	return err
}

func (p *player) measure(r *played) {
	if back, ok := p.pulse.since(r.Healed); ok {
		r.Back = back - r.Healed
	}
	if gap, err := p.pulse.gap(r.Injected, r.Healed); err == nil {
		r.Gap = gap
	}
}

// damaging reports whether acknowledged data may be lost.
func damaging(b Bout) bool {
	for _, s := range b.Steps {
		if s.Kind == "power" || s.Target == allNodes {
			return true
		}
	}
	return false
}

// checkLedger checks that every acknowledged lease still exists.
func (p *player) checkLedger() {
	lost, err := p.ledger.lost(p.w.nodes[0].control)
	if err != nil {
		p.w.violate("read the ledger: %v", err)
	}
	if len(lost) > 0 {
		p.w.violate("%d acknowledged leases are lost: %s …", len(lost), lost[0])
	}
}
