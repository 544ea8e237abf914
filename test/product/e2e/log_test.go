package e2e

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
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

// The command uses the admin socket of the node, and says which node it changed.
func TestLogLevelOfOneNodeChangesWhileItRuns(t *testing.T) {
	n := nodes.New(t, "loud")
	n.Start()
	n.WaitReady()
	level := func(args ...string) string {
		t.Helper()
		out, err := exec.Command(nodes.Binary(t), append([]string{"log-level", "--data-dir", n.Dir}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return strings.Join(strings.Fields(string(out)), " ")
	}
	if got := level("debug", "--for", "10m"); got != "NODE LEVEL THEN loud debug info in 10m0s" {
		t.Errorf("it prints %q", got)
	}
	n.Get("/v1/leases").Want(t, 200)
	nodes.Eventually(t, "the read is logged", func() bool { return strings.Contains(n.Log(), " DEBUG request method=GET route=/v1/leases ") })
	if got := level("info"); got != "NODE LEVEL THEN loud info -" {
		t.Errorf("it prints %q", got)
	}
	if got := level(); got != "NODE LEVEL THEN loud info -" {
		t.Errorf("it prints %q", got)
	}
}
