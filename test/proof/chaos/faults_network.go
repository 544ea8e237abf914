package chaos

import (
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"
)

func networkKinds() []kind {
	const shortest, longest = time.Second, 8 * time.Second
	one := []string{theLeader, aFollower}
	filtering := []capability{hasNetns, hasFilter}
	return []kind{
		{name: "isolate", area: onNetwork, needs: filtering, targets: one, shortest: shortest, longest: longest, make: isolate},
		{name: "deaf", area: onNetwork, needs: filtering, targets: one, shortest: shortest, longest: longest, make: deaf},
		{name: "mute", area: onNetwork, needs: filtering, targets: one, shortest: shortest, longest: longest, make: mute},
		{name: "edge", area: onNetwork, needs: filtering, targets: one, shortest: shortest, longest: longest, make: edge},
		{name: "bridge", area: onNetwork, needs: filtering, targets: []string{allNodes}, nodes: 5, shortest: shortest, longest: longest, make: bridge},
		{name: "ring", area: onNetwork, needs: filtering, targets: []string{allNodes}, nodes: 4, shortest: shortest, longest: longest, make: ring},
		{name: "split", area: onNetwork, needs: filtering, targets: []string{allNodes}, nodes: 3, shortest: shortest, longest: longest, make: split},
		{name: "loss", area: onNetwork, needs: append(filtering, hasLoss), targets: append(one, allNodes), amounts: []int{5, 30},
			shortest: shortest, longest: longest, make: loss},
		{name: "flap", area: onNetwork, needs: filtering, targets: one, shortest: 2 * shortest, longest: longest, make: newFlap},
		{name: "bandwidth", area: onNetwork, needs: []capability{hasNetns, hasTBF}, targets: one, amounts: []int{1, 4},
			shortest: shortest, longest: longest, make: newNarrow},
		{name: "latency", area: onNetwork, needs: []capability{hasNetns, hasDelay}, targets: one, amounts: []int{20, 100, 200},
			shortest: shortest, longest: longest, make: newSlowCable},
	}
}

// A blockade drops packets at some hosts. It must drop at least one.
type blockade struct {
	filters map[*host]filter
	packets int
}

func (b *blockade) inject() error {
	var errs []error
	for h, f := range b.filters {
		errs = append(errs, h.setFilter(f))
	}
	return errors.Join(errs...)
}

func (b *blockade) hasEffect() (bool, error) {
	for h := range b.filters {
		if n, err := h.droppedPackets(); n > 0 || err != nil {
			return n > 0, err
		}
	}
	return false, nil
}

func (b *blockade) heal() error {
	var errs []error
	for h := range b.filters {
		n, err := h.droppedPackets()
		b.packets += n
		errs = append(errs, err, h.clearFilter())
	}
	return errors.Join(errs...)
}

func (b *blockade) effect() (string, error) {
	if b.packets == 0 {
		return "", errors.New("no packet was dropped")
	}
	return fmt.Sprintf("%d packets dropped", b.packets), nil
}

func isolate(_ *world, v victims, _ Step) fault {
	return &blockade{filters: map[*host]filter{v.one().host: {in: []string{dropped}, out: []string{dropped}}}}
}

func deaf(_ *world, v victims, _ Step) fault {
	return &blockade{filters: map[*host]filter{v.one().host: {in: []string{dropped}}}}
}

func mute(_ *world, v victims, _ Step) fault {
	return &blockade{filters: map[*host]filter{v.one().host: {out: []string{dropped}}}}
}

func loss(_ *world, v victims, s Step) fault {
	rule := fmt.Sprintf("numgen random mod 100 < %d %s", s.Amount, dropped)
	b := &blockade{filters: make(map[*host]filter)}
	for _, n := range v.nodes {
		b.filters[n.host] = filter{in: []string{rule}, out: []string{rule}}
	}
	return b
}

// cuts drops the packets between pairs of nodes, and no others.
func cuts(nodes []*node, cut func(i, j int) bool) *blockade {
	b := &blockade{filters: make(map[*host]filter)}
	for i, n := range nodes {
		var f filter
		for j, o := range nodes {
			if i != j && cut(min(i, j), max(i, j)) {
				f.in = append(f.in, "ip saddr "+o.host.ip+" "+dropped)
				f.out = append(f.out, "ip daddr "+o.host.ip+" "+dropped)
			}
		}
		if f.in != nil {
			b.filters[n.host] = f
		}
	}
	return b
}

// edge cuts the link between a follower and the leader, or between the leader and one follower. Both reach all other
// nodes.
func edge(w *world, v victims, _ Step) fault {
	others := without(w.nodes, v.one())
	other := others[0]
	if leader, err := w.leader(); err == nil && leader != v.one() {
		other = leader
	}
	return cuts([]*node{v.one(), other}, func(int, int) bool { return true })
}

// bridge creates two halves that are connected only by the node in the middle.
func bridge(_ *world, v victims, _ Step) fault {
	middle := len(v.nodes) / 2
	return cuts(v.nodes, func(i, j int) bool { return i < middle && j > middle })
}

// ring leaves each node only its two neighbours.
func ring(_ *world, v victims, _ Step) fault {
	last := len(v.nodes) - 1
	return cuts(v.nodes, func(i, j int) bool { return j-i > 1 && (i != 0 || j != last) })
}

// split creates a majority and a minority.
func split(_ *world, v victims, _ Step) fault {
	minority := (len(v.nodes) - 1) / 2
	return cuts(v.nodes, func(i, j int) bool { return i < minority && j >= minority })
}

// flapPause is how long the link is up, and then down.
const flapPause = 200 * time.Millisecond

// A flap repeatedly cuts and restores a link.
type flap struct {
	on    *blockade
	stop  chan struct{}
	ended sync.WaitGroup
	err   error
}

func newFlap(w *world, v victims, s Step) fault {
	return &flap{on: isolate(w, v, s).(*blockade), stop: make(chan struct{})}
}

func (f *flap) inject() error {
	f.ended.Go(func() {
		for f.err == nil {
			f.err = f.on.inject()
			f.pause()
			f.err = errors.Join(f.err, f.on.heal())
			if f.pause() {
				return
			}
		}
	})
	return nil
}

func (f *flap) pause() (stopped bool) {
	select {
	case <-f.stop:
		return true
	case <-time.After(flapPause):
		return false
	}
}

func (f *flap) heal() error {
	close(f.stop)
	f.ended.Wait()
	return f.err
}

func (f *flap) effect() (string, error) { return f.on.effect() }

// A narrow link limits the outgoing bandwidth of a host, in megabits per second.
type narrow struct {
	host *host
	mbit int
	over string // number of packets that had to wait
}

func newNarrow(_ *world, v victims, s Step) fault { return &narrow{host: v.one().host, mbit: s.Amount} }

func (n *narrow) inject() error {
	_, err := n.host.run("", "tc", "qdisc", "add", "dev", linkName, "root", "tbf",
		"rate", fmt.Sprintf("%dmbit", n.mbit), "burst", "32kbit", "latency", "400ms")
	return err
}

var overlimits = regexp.MustCompile(`overlimits (\d+)`)

func (n *narrow) hasEffect() (bool, error) {
	output, err := n.host.run("", "tc", "-s", "qdisc", "show", "dev", linkName)
	if m := overlimits.FindStringSubmatch(output); m != nil {
		n.over = m[1]
	}
	return n.over != "" && n.over != "0", err
}

func (n *narrow) heal() error {
	_, err := n.hasEffect()
	_, gone := n.host.run("", "tc", "qdisc", "del", "dev", linkName, "root")
	return errors.Join(err, gone)
}

func (n *narrow) effect() (string, error) {
	if n.over == "" || n.over == "0" {
		return "", errors.New("no packet had to wait")
	}
	return n.over + " packets had to wait", nil
}
