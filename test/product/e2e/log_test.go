package e2e

import (
	"os"
	"regexp"
	"testing"

	"github.com/lockd/lockd/test/harness/nodes"
)

var (
	alarming = regexp.MustCompile(`(?m)^\S+ (WARN|ERROR) .*$`)
	serving  = regexp.MustCompile(`(?m)^\S+ INFO  lockd serves .* try="curl http://\S+/v1/leases" console=http://\S+/ui$`)
)

// Lines that are normal must not look like trouble, or people stop reading the log.
func TestHealthyStartHasNoWarning(t *testing.T) {
	private := func(n *nodes.Node) { // else the node warns that others can read its sessions
		if err := os.Chmod(n.Dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	single := nodes.New(t, "single")
	private(single)
	single.Start()
	single.WaitReady()
	cluster := nodes.StartThreeWith(t, private)
	cluster.Leader()
	for _, n := range append(cluster.Nodes, single) {
		if lines := alarming.FindAllString(n.Log(), -1); len(lines) > 0 {
			t.Errorf("%s: a healthy start has %q", n.Name, lines)
		}
		if len(serving.FindAllString(n.Log(), -1)) != 1 {
			t.Errorf("%s has no line with what to do next:\n%s", n.Name, n.Log())
		}
	}
}
