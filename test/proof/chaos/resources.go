package chaos

import (
	"fmt"
	"time"
)

// usage is what a node uses of its machine.
type usage struct{ goroutines, files, bytes int }

func (n *node) usage() (u usage, err error) {
	for name, to := range map[string]*int{
		"go_goroutines":                 &u.goroutines,
		"process_open_fds":              &u.files,
		"process_resident_memory_bytes": &u.bytes,
	} {
		value, err := n.control.metric(name)
		if err != nil {
			return u, err
		}
		*to = int(value)
	}
	return u, nil
}

// Bounds of what a node may use after its clients have gone, in addition to what it used before. A leader uses some
// for each of the other nodes.
const (
	moreGoroutines = 60
	moreFiles      = 40
	mostBytes      = 512 << 20
)

// rested returns nil if every node has freed the resources that its clients used.
func (w *world) rested(before map[string]usage) error {
	for _, n := range w.nodes {
		now, err := n.usage()
		if err != nil {
			return err
		}
		then := before[n.name]
		if now.goroutines > then.goroutines+moreGoroutines || now.files > then.files+moreFiles || now.bytes > mostBytes {
			return fmt.Errorf("%s used %+v before, and uses %+v", n.name, then, now)
		}
	}
	return nil
}

// usages returns the current usage of every node.
func (w *world) usages() (map[string]usage, error) {
	all := make(map[string]usage)
	for _, n := range w.nodes {
		u, err := n.usage()
		if err != nil {
			return nil, err
		}
		all[n.name] = u
	}
	return all, nil
}

const (
	// comparedEvents is the number of latest events that are compared between nodes.
	comparedEvents = 10_000
	// settleBound is how long a cluster without clients may take until its state no longer changes.
	settleBound = 60 * time.Second
)

// settle waits until the state no longer changes. It compares the nodes with one another, and their usage with the
// one before the run.
func (w *world) settle(r *result, before map[string]usage) {
	began := time.Now()
	if err := w.await("all nodes have the same state", settleBound, func() error { return w.agree(comparedEvents) }); err != nil {
		w.violate("%v", err)
	}
	if err := w.await("the nodes have freed the resources of their clients", settleBound, func() error { return w.rested(before) }); err != nil {
		w.violate("%v", err)
	}
	r.figures["settled_s"] = time.Since(began).Round(time.Millisecond).Seconds()
	most := 0
	for _, n := range w.nodes {
		if u, err := n.usage(); err == nil {
			most = max(most, u.bytes)
		}
	}
	r.figures["most_mb"] = most >> 20
}
