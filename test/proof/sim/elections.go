package sim

import "time"

// heartbeatTimeout is how long followers wait for a leader before they elect another one.
const heartbeatTimeout = 500 * time.Millisecond

// lookForLeader schedules an election, some time after a change.
func (w *world) lookForLeader() {
	if w.looking {
		return
	}
	w.looking = true
	w.after(w.between(heartbeatTimeout, 5*heartbeatTimeout/2), w.look)
}

func (w *world) look() {
	w.looking = false
	if w.healthy() {
		return
	}
	w.elect(nil)
	w.lookForLeader()
}

// healthy reports whether the newest leader reaches a majority. A leader that does not steps down after a random
// time, on which no check may depend.
func (w *world) healthy() bool {
	var newest *node
	for _, n := range w.nodes {
		if n.up && n.role == leading && (newest == nil || n.term > newest.term) {
			newest = n
		}
	}
	for _, n := range w.nodes {
		if n.up && !n.paused && n.role == leading && len(w.reached(n)) <= len(w.nodes)/2 {
			term := n.term
			n.after(w.between(heartbeatTimeout/2, 3*time.Second), func() {
				if n.term == term && len(w.reached(n)) <= len(w.nodes)/2 {
					n.stepDown()
				}
			})
		}
	}
	return newest != nil && !newest.paused && !newest.mute && len(w.reached(newest)) > len(w.nodes)/2
}

// reached returns the nodes that a node exchanges messages with, including itself.
func (w *world) reached(n *node) []*node {
	var reached []*node
	for _, o := range w.nodes {
		if o == n || o.up && !o.paused && w.net.reaches(n.id, o.id) && w.net.reaches(o.id, n.id) {
			reached = append(reached, o)
		}
	}
	return reached
}

// elect elects a node that reaches a majority whose logs are no newer than its own. It tries wanted first, unless
// wanted is nil.
func (w *world) elect(wanted *node) {
	order := w.rng.Perm(len(w.nodes))
	if wanted != nil {
		order = append([]int{wanted.id}, order...)
	}
	for _, i := range order {
		n := w.nodes[i]
		if !n.up || n.paused || n.hangs > 0 || n.role == leading && wanted != nil {
			continue
		}
		if voters := w.votersOf(n); len(voters) > len(w.nodes)/2 {
			// Not every possible voter votes for it.
			w.rng.Shuffle(len(voters)-1, func(i, j int) { voters[i+1], voters[j+1] = voters[j+1], voters[i+1] })
			w.elected(n, voters[:len(w.nodes)/2+1])
			return
		}
	}
}

// votersOf returns the nodes that may vote for a node, starting with itself.
func (w *world) votersOf(n *node) []*node {
	voters := []*node{n}
	for _, o := range w.reached(n) {
		if o == n {
			continue
		}
		if w.hasAll(n, o) {
			voters = append(voters, o)
		}
	}
	return voters
}
