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

// A plan says what a run is to be.
type plan struct {
	schedule *Schedule
	crowds   int // processes of clients
	clients  int // in each
	locks    int
	ttl      time.Duration
	pause    time.Duration
	keep     string // the directory for what outlives the run
}

// build makes a world: the binary, the machines, the cluster.
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

// compile builds lockd, with the race detector where this has it.
func compile(to string) error {
	args := []string{"build", "-o", to}
	if underRace {
		args = append(args, "-race")
	}
	return run("", "go", append(args, "github.com/lockd/lockd/cmd/lockd")...)
}

// play plays a plan to its end, and returns what it came to.
func (w *world) play(p plan) (*result, error) {
	observer, err := w.net.plug("observer")
	if err != nil {
		return nil, err
	}
	before, err := w.usages()
	if err != nil {
		return nil, err
	}
	player := &player{
		w: w, pulse: &pulse{now: w.now}, ledger: newLedger(observer, w.nodes),
		random: rand.New(rand.NewPCG(p.schedule.Seed, 2)), engaged: make(map[string]bool),
	}
	ctx, cancel := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	for _, n := range w.nodes {
		watching.Go(func() { player.pulse.watch(ctx, observer, n) })
	}
	watching.Go(func() { player.ledger.fill(ctx) })
	defer func() { cancel(); watching.Wait() }()
	if player.crowds, err = w.startCrowds(p); err != nil {
		return nil, err
	}
	r := &result{schedule: p.schedule, can: w.can, figures: make(map[string]any)}
	begun := time.Now()
	for i, b := range p.schedule.Bouts {
		done, err := player.bout(b)
		r.played = append(r.played, done...)
		for _, one := range done {
			w.say("%3d %6.1fs %-45v %-8s %s", i+1, one.Injected.Seconds(), one.Step, one.Victims, one.outcome())
		}
		if err != nil {
			r.short = append(r.short, fmt.Sprintf("it ended with bout %d of %d: %v", i+1, len(p.schedule.Bouts), err))
			break
		}
	}
	for _, c := range player.crowds {
		err = errors.Join(err, c.finish(60*time.Second))
	}
	r.took = time.Since(begun)
	cancel()
	watching.Wait()
	player.checkLedger()
	r.figures["ledger"] = player.ledger.size()
	w.settle(r, before)
	w.readLogs()
	r.figures["first_success_ms"] = spread(player.backs)
	r.figures["least_ops_per_s"] = int(player.least)
	r.violations = w.found()
	h, unread := histories(player.crowds)
	if unread == nil {
		sortedTerms(&h)
		unread = r.judge(&h, p.keep)
	}
	return r, errors.Join(err, unread)
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
