package bubble

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// A fault happens to one node and is ended later.
type fault struct {
	kind  string
	begin func(c *cluster, m *member)
	end   func(c *cluster, m *member) error
}

func faults() []fault {
	isolated := func(in, out bool, by int) func(c *cluster, m *member) {
		return func(c *cluster, m *member) {
			for _, o := range c.members {
				if o == m {
					continue
				}
				if in {
					c.network.cutOff(o.host, m.host, by)
				}
				if out {
					c.network.cutOff(m.host, o.host, by)
				}
			}
		}
	}
	cut := func(kind string, in, out bool) fault {
		restore := isolated(in, out, -1)
		return fault{kind, isolated(in, out, 1), func(c *cluster, m *member) error {
			restore(c, m)
			return nil
		}}
	}
	return []fault{
		cut("isolate", true, true),
		cut("cut in", true, false),
		cut("cut out", false, true),
		{"crash", (*cluster).crash, (*cluster).start},
		{"stop", func(c *cluster, m *member) { _ = c.stop(m) }, (*cluster).start},
		{"disk hangs", func(_ *cluster, m *member) { m.disk.hang() }, func(_ *cluster, m *member) error {
			m.disk.resume()
			return nil
		}},
		{"disk hangs, then power fails", func(_ *cluster, m *member) { m.disk.hang() }, func(c *cluster, m *member) error {
			c.crash(m)
			return c.start(m)
		}},
		{"disk fails", func(_ *cluster, m *member) { m.disk.fail() }, (*cluster).replaceProcess},
	}
}

// replaceProcess starts a new process for a node with a failed disk, after the old one has stopped itself.
func (c *cluster) replaceProcess(m *member) error {
	select {
	case err := <-m.done:
		if err == nil {
			return fmt.Errorf("%s stopped without an error although its disk failed", m.host)
		}
		m.app = nil
		c.network.reset(m.host)
	case <-time.After(10 * time.Second):
		// No write happened meanwhile, so that none failed.
		c.crash(m)
	}
	return c.start(m)
}

// trouble makes count faults, one after the other, until more returns false. The leader is the most likely target. It
// returns the number of faults of each kind.
func (c *cluster) trouble(rng *rand.Rand, count int, more func() bool) (made map[string]int, err error) {
	made = make(map[string]int)
	all := faults()
	for range count {
		time.Sleep(time.Duration(1+rng.IntN(6)) * time.Second)
		if !more() {
			return made, nil
		}
		m := c.members[rng.IntN(len(c.members))]
		if l := c.leader(); l != nil && rng.IntN(3) > 0 {
			m = l
		}
		f := all[rng.IntN(len(all))]
		c.log.Info("fault", "kind", f.kind, "node", m.host)
		f.begin(c, m)
		made[f.kind]++
		time.Sleep(time.Duration(200+rng.IntN(8_000)) * time.Millisecond)
		if err := f.end(c, m); err != nil {
			return made, fmt.Errorf("%s of %s: %w", f.kind, m.host, err)
		}
	}
	return made, nil
}
