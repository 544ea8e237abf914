package chaos

import (
	"fmt"
	"testing"
)

func fiveNodes() []*node {
	var nodes []*node
	for i := range 5 {
		nodes = append(nodes, &node{name: fmt.Sprint(i), host: &host{ip: fmt.Sprint(i)}})
	}
	return nodes
}

// pairs returns the pairs of nodes that cannot reach one another.
func pairs(b *blockade, nodes []*node) map[string]bool {
	cut := make(map[string]bool)
	for _, n := range nodes {
		for _, rule := range b.filters[n.host].in {
			var from string
			if _, err := fmt.Sscanf(rule, "ip saddr %s", &from); err == nil {
				cut[min(n.name, from)+max(n.name, from)] = true
			}
		}
	}
	return cut
}

func TestPartitionsHaveTheirShapes(t *testing.T) {
	nodes := fiveNodes()
	for what, c := range map[string]struct {
		fault fault
		want  string
	}{
		"a bridge leaves the middle node connected to both halves": {bridge(nil, victims{nodes: nodes}, Step{}), "03 04 13 14"},
		"a ring leaves each node its neighbours":                   {ring(nil, victims{nodes: nodes}, Step{}), "02 03 13 14 24"},
		"a split creates two and three":                            {split(nil, victims{nodes: nodes}, Step{}), "02 03 04 12 13 14"},
	} {
		got := pairs(c.fault.(*blockade), nodes)
		text := ""
		for i := range 5 {
			for j := i + 1; j < 5; j++ {
				if pair := fmt.Sprint(i) + fmt.Sprint(j); got[pair] {
					text += " " + pair
				}
			}
		}
		if text != " "+c.want {
			t.Errorf("%s: cut are%s, want %s", what, text, c.want)
		}
	}
}

func TestBlockadeWithoutDropsHasNoEffect(t *testing.T) {
	if _, err := (&blockade{}).effect(); err == nil {
		t.Error("it reports an effect")
	}
}

func TestSnapshotIndexIsReadFromItsName(t *testing.T) {
	if got := snapshotIndex("/data/snapshots/3-6988-1795252654422/state.bin"); got != 6988 {
		t.Errorf("the index is %d", got)
	}
}

// A late fault has an effect at the third check.
type lateFault struct {
	fault
	asked int
}

func (l *lateFault) hasEffect() (bool, error) {
	l.asked++
	return l.asked == 3, nil
}

func TestFaultLastsUntilItHasAnEffect(t *testing.T) {
	late := &lateFault{}
	(&player{w: &world{}}).awaitEffect(late)
	if late.asked != 3 {
		t.Errorf("it was checked %d times", late.asked)
	}
}
