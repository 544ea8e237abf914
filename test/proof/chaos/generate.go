package chaos

import (
	"math/rand/v2"
	"time"
)

// A dose is the required part of a schedule. The rest is random.
type dose struct {
	// measured are faults that happen alone, so that their cost is measured.
	measured []Step
	// drawn is the approximate duration of the random bouts.
	drawn time.Duration
	quiet span
	most  time.Duration // longest duration of a random fault; 0: the limit of its kind
}

// A span is a range for a random duration.
type span struct{ from, to time.Duration }

func (s span) draw(r *rand.Rand) time.Duration {
	return s.from + time.Duration(r.Int64N(int64(max(s.to-s.from, 1))))
}

// defaultDose is the dose of a run without flags.
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

// longDose is the dose of a run with a duration.
func longDose(duration time.Duration) dose {
	d := defaultDose()
	d.quiet, d.most = span{time.Second, 5 * time.Second}, 0
	d.drawn = max(0, duration-90*time.Second)
	return d
}

// oneKind is the dose of a number of faults of one kind, one at a time.
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

// generate creates a schedule from a seed.
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

// A generator draws random bouts. It uses all kinds before it repeats one.
type generator struct {
	random *rand.Rand
	dose   dose
	kinds  []kind
	bag    []kind // kinds not used yet in this pass
}

// mostAtOnce is the maximum number of faults in a bout.
const mostAtOnce = 3

// recovery is the approximate time of a bout in addition to its faults.
const recovery = 1500 * time.Millisecond

// bout draws one to three faults that can overlap, and returns how long they last.
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

// collides reports whether two faults have the same area and target.
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
