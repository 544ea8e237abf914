package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"time"
)

// A plan configures a run.
type plan struct {
	schedule *Schedule
	crowds   int // number of client processes
	clients  int // clients in each process
	locks    int
	ttl      time.Duration
	pause    time.Duration
	keep     string // directory for the results
}

// build creates a world: the binary, the machines, the cluster.
func (w *world) build(s *Schedule) (err error) {
	w.begun, w.origin = time.Now(), monotonic()
	if w.binary == "" {
		w.binary = filepath.Join(w.dir, "lockd")
		if err := compile(w.binary); err != nil {
			return err
		}
	}
	if w.net, err = newNetwork(); err != nil {
		return err
	}
	return w.form(s.Nodes, rand.New(rand.NewPCG(s.Seed, 1)))
}

// compile builds lockd, with the race detector if this test has it.
func compile(to string) error {
	args := []string{"build", "-o", to}
	if underRace {
		args = append(args, "-race")
	}
	return run("", "go", append(args, "github.com/lockd/lockd/cmd/lockd")...)
}

// play runs a plan and returns its result.
func (w *world) play(p plan) (*result, error) {
	before, err := w.usages()
	if err != nil {
		return nil, err
	}
	observer, err := w.net.plug("observer")
	if err != nil {
		return nil, err
	}
	player := &player{
		w: w, pulse: &pulse{now: w.now}, ledger: newLedger(observer, w.nodes),
		random: rand.New(rand.NewPCG(p.schedule.Seed, 2)), engaged: make(map[string]bool),
	}
	stop := player.watch(observer)
	defer stop()
	if player.crowds, err = w.startCrowds(p); err != nil {
		return nil, err
	}
	r := &result{schedule: p.schedule, can: w.can, figures: make(map[string]any)}
	begun := time.Now()
	player.bouts(r)
	for _, c := range player.crowds {
		err = errors.Join(err, c.finish(60*time.Second))
	}
	r.took = time.Since(begun)
	stop()
	player.checkLedger()
	w.settle(r, before)
	w.readLogs()
	r.violations = w.found()
	r.figures["ledger"] = player.ledger.size()
	r.figures["first_success_ms"] = spread(player.backs)
	r.figures["least_ops_per_s"] = int(player.least)
	h, unread := histories(player.crowds)
	if unread != nil {
		return r, errors.Join(err, unread)
	}
	sortedTerms(&h)
	return r, errors.Join(err, r.judge(&h, p.keep))
}

// watch starts to probe the nodes and to fill the ledger, from a host without faults, until stop is called.
func (p *player) watch(observer *host) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	for _, n := range p.w.nodes {
		watching.Go(func() { p.pulse.watch(ctx, observer, n) })
	}
	watching.Go(func() { p.ledger.fill(ctx) })
	return func() { cancel(); watching.Wait() }
}

// bouts plays one bout after the other, until the cluster does not recover.
func (p *player) bouts(r *result) {
	for i, b := range r.schedule.Bouts {
		done, err := p.bout(b)
		r.played = append(r.played, done...)
		for _, one := range done {
			p.w.say("%3d %6.1fs %-45v %-8s %s", i+1, one.Injected.Seconds(), one.Step, one.Victims, one.outcome())
		}
		if err != nil {
			r.short = append(r.short, fmt.Sprintf("the run ended with bout %d of %d: %v", i+1, len(r.schedule.Bouts), err))
			return
		}
	}
}

func (p *played) outcome() string {
	if p.Err != nil {
		return "NOT DONE: " + p.Err.Error()
	}
	return fmt.Sprintf("gap %v: %s", p.Gap.Round(time.Millisecond), p.Evidence)
}

func (w *world) startCrowds(p plan) ([]*crowd, error) {
	var crowds []*crowd
	for i := range p.crowds {
		h, err := w.net.plug(fmt.Sprintf("c%d", i+1))
		if err != nil {
			return nil, err
		}
		c, err := startCrowd(w, h, assignment{
			ID: fmt.Sprintf("crowd-%d-%d", p.schedule.Seed, i+1), Nodes: w.urls(), Origin: int64(w.origin),
			Seed: p.schedule.Seed + uint64(i), Clients: p.clients, Locks: p.locks, TTL: p.ttl, Pause: p.pause,
		})
		if err != nil {
			return nil, err
		}
		crowds = append(crowds, c)
	}
	return crowds, nil
}

func (w *world) urls() []string {
	var all []string
	for _, a := range w.addresses() {
		all = append(all, "http://"+a)
	}
	return all
}
