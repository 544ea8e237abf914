package sim

import "time"

// network is the state of the links between nodes.
type network struct {
	cut  [][]int // [from][to]: number of faults that cut the link
	loss float64
	slow bool
}

func newNetwork(nodes int) network {
	n := network{cut: make([][]int, nodes)}
	for i := range n.cut {
		n.cut[i] = make([]int, nodes)
	}
	return n
}

func (n *network) reaches(from, to int) bool { return n.cut[from][to] == 0 }

// delay draws the delay of a message. A few delays are very long, as in a socket's buffer or after a lost packet.
func (w *world) delay() time.Duration {
	switch r := w.rng.Float64(); {
	case r < 0.002:
		return w.between(0, 8*time.Second)
	case r < 0.02 || w.net.slow:
		return w.between(0, 300*time.Millisecond)
	}
	return w.between(50*time.Microsecond, time.Millisecond)
}

// doubled is the probability that a Raft message arrives twice.
const doubled = 0.01

// send delivers a message from one node to another. It is lost if the link is cut when it arrives, or if the
// destination process has exited.
func (w *world) send(from, to *node, deliver func()) {
	copies := 1
	if w.chance(doubled) {
		copies = 2
	}
	boot := to.boot
	for range copies {
		if w.chance(w.net.loss) {
			continue
		}
		w.after(w.delay(), func() {
			if w.net.reaches(from.id, to.id) {
				to.run(boot, deliver)
			}
		})
	}
}
