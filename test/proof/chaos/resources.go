package chaos

import (
	"fmt"
	"time"
)

// usage is what a node has taken of its machine.
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

// The bounds of what a node may keep once nobody asks anything of it, beside what
// it took before anybody did. A leader takes some for each of the others.
const (
	moreGoroutines = 60
	moreFiles      = 40
	mostBytes      = 512 << 20
)

// rested returns nil where every node has given back what its clients cost.
func (w *world) rested(before map[string]usage) error {
	for _, n := range w.nodes {
		now, err := n.usage()
		if err != nil {
			return err
		}
		then := before[n.name]
		if now.goroutines > then.goroutines+moreGoroutines || now.files > then.files+moreFiles || now.bytes > mostBytes {
			return fmt.Errorf("%s had %+v before, and has %+v", n.name, then, now)
		}
	}
	return nil
}

// usages returns what every node takes now.
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
	// comparedEvents is how many of the newest events the nodes are compared by.
	comparedEvents = 10_000
	// settleBound is within which a cluster that nobody uses must come to rest.
	settleBound = 60 * time.Second
)

// settle waits until nothing changes any more, and holds the nodes against one
// another and against what they were before.
func (w *world) settle(r *result, before map[string]usage) {
	began := time.Now()
	if err := w.await("all nodes have the same", settleBound, func() error { return w.agree(comparedEvents) }); err != nil {
		w.violate("%v", err)
	}
	if err := w.await("the nodes give back what they took", settleBound, func() error { return w.rested(before) }); err != nil {
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
