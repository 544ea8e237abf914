package chaos

import (
	"math/rand/v2"
	"time"
)

// A dose is what a schedule must contain, beside what chance puts into it.
type dose struct {
	// measured are faults that come alone, so that what they cost is seen.
	measured []Step
	// drawn is how long the bouts that chance makes last, about.
	drawn time.Duration
	quiet span
	most  time.Duration // the longest of a drawn fault; 0: as its kind says
}

// A span is two times between which one is drawn.
type span struct{ from, to time.Duration }

func (s span) draw(r *rand.Rand) time.Duration {
	return s.from + time.Duration(r.Int64N(int64(max(s.to-s.from, 1))))
}

// defaultDose is what a run without flags does.
func defaultDose() dose {
	d := dose{drawn: 25 * time.Second, quiet: span{300 * time.Millisecond, 800 * time.Millisecond}, most: 2500 * time.Millisecond}
	d.add(10, Step{Kind: "kill", Target: theLeader, ForMS: 300})
	d.add(10, Step{Kind: "transfer", Target: theCluster})
	d.add(2, Step{Kind: "power", Target: theLeader, ForMS: 300})
	d.add(1, Step{Kind: "power", Target: aFollower, ForMS: 300})
	d.add(3, Step{Kind: "power", Target: allNodes, ForMS: 300})
	d.add(1, Step{Kind: "hung-disk", Target: theLeader, ForMS: 3000})
	d.add(1, Step{Kind: "fsync-error", Target: theLeader, ForMS: 500})
	d.add(1, Step{Kind: "full-disk", Target: theLeader, ForMS: 2000})
	d.add(1, Step{Kind: "isolate", Target: theLeader, ForMS: 2000})
	d.add(1, Step{Kind: "replace", Target: theCluster})
	return d
}

// longDose is for as long as somebody wants.
func longDose(duration time.Duration) dose {
	d := defaultDose()
	d.quiet, d.most = span{time.Second, 5 * time.Second}, 0
	d.drawn = max(0, duration-90*time.Second)
	return d
}

// oneKind is nothing but one kind of fault, so many times, each alone.
func oneKind(k kind, target string, times int, seed uint64) dose {
	g := &generator{random: rand.New(rand.NewPCG(seed, 3))}
	d := dose{quiet: span{300 * time.Millisecond, 800 * time.Millisecond}}
	for range times {
		s := g.step(k)
		if target != "" {
			s.Target = target
		}
		d.add(1, s)
	}
	return d
}

func (d *dose) add(count int, s Step) {
	for range count {
		d.measured = append(d.measured, s)
	}
}

// generate makes a schedule from a seed.
func generate(seed uint64, nodes int, d dose, can capabilities) *Schedule {
	r := rand.New(rand.NewPCG(seed, uint64(nodes)))
	s := &Schedule{Seed: seed, Nodes: nodes}
	for _, step := range d.measured {
		if k, err := kindNamed(step.Kind); err == nil && k.possible(can, nodes) {
			s.Bouts = append(s.Bouts, Bout{Steps: []Step{step}})
		}
	}
	g := &generator{random: r, dose: d}
	for _, k := range catalogue() {
		if k.possible(can, nodes) {
			g.kinds = append(g.kinds, k)
		}
	}
	for drawn := time.Duration(0); drawn < d.drawn; {
		b, lasts := g.bout()
		s.Bouts = append(s.Bouts, b)
		drawn += lasts
	}
	r.Shuffle(len(s.Bouts), func(i, j int) { s.Bouts[i], s.Bouts[j] = s.Bouts[j], s.Bouts[i] })
	for i := range s.Bouts {
		s.Bouts[i].QuietMS = int(d.quiet.draw(r).Milliseconds())
	}
	return s
}

// A generator draws bouts. It goes through all kinds before one comes again.
type generator struct {
	random *rand.Rand
	dose   dose
	kinds  []kind
	bag    []kind // what is left of this round
}

// mostAtOnce is how many faults a bout may have.
const mostAtOnce = 3

// recovery is what a bout takes beside its faults, about.
const recovery = 1500 * time.Millisecond

// bout draws one to three faults that can overlap, and says how long they last.
func (g *generator) bout() (b Bout, lasts time.Duration) {
	taken := make(map[string]bool) // by area and target
	for range 1 + g.random.IntN(mostAtOnce) {
		k := g.next()
		s := g.step(k)
		if k.area == onCluster && len(b.Steps) > 0 || collides(taken, k, s) {
			g.bag = append(g.bag, k)
			continue
		}
		taken[string(k.area)+s.Target] = true
		if len(b.Steps) > 0 {
			s.AfterMS = g.random.IntN(1000)
		}
		b.Steps = append(b.Steps, s)
		lasts = max(lasts, s.after()+s.lasts())
		if k.area == onCluster {
			break
		}
	}
	return b, lasts + recovery + (g.dose.quiet.from+g.dose.quiet.to)/2
}

// collides says whether two faults would take hold of the same of one machine.
func collides(taken map[string]bool, k kind, s Step) bool {
	area := string(k.area)
	if taken[area+allNodes] || taken[area+s.Target] {
		return true
	}
	return s.Target == allNodes && (taken[area+theLeader] || taken[area+aFollower])
}

func (g *generator) next() kind {
	if len(g.bag) == 0 {
		g.bag = append(g.bag, g.kinds...)
		g.random.Shuffle(len(g.bag), func(i, j int) { g.bag[i], g.bag[j] = g.bag[j], g.bag[i] })
	}
	k := g.bag[0]
	g.bag = g.bag[1:]
	return k
}

func (g *generator) step(k kind) Step {
	s := Step{Kind: k.name, Target: k.targets[g.random.IntN(len(k.targets))]}
	if len(k.amounts) > 0 {
		s.Amount = k.amounts[g.random.IntN(len(k.amounts))]
	}
	if k.longest > 0 {
		longest := k.longest
		if g.dose.most > 0 {
			longest = max(k.shortest, min(longest, g.dose.most))
		}
		s.ForMS = int(span{k.shortest, longest}.draw(g.random).Milliseconds())
	}
	return s
}
