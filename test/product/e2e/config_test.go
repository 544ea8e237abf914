package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockd/lockd/test/harness/nodes"
)

// The file has all settings, and a flag overrides one.
func TestServerStartsFromItsFile(t *testing.T) {
	n := nodes.New(t, "from-a-flag")
	path := filepath.Join(t.TempDir(), "lockd.yaml")
	text := fmt.Sprintf("node-id: from-the-file\ndata-dir: %s\nhttp-addr: %s\npeer-addr: %s\nhttp-advertise: lock-1.example.org:7400\n",
		n.Dir, n.HTTP, n.Peer)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	n.Run(exec.Command(nodes.Binary(t), "server", "--config", path, "--node-id", n.Name))
	n.WaitReady()
	a := n.Get("/v1/cluster").Want(t, 200)
	self, _ := a.Body["node"].(map[string]any)
	if self["name"] != "from-a-flag" || self["http"] != "lock-1.example.org:7400" {
		t.Errorf("the node is %v", self)
	}
}

// Other tests use their own name server. This one uses the resolver of the host.
func TestNodeJoinsByName(t *testing.T) {
	first := nodes.New(t, "first")
	first.Start()
	first.WaitReady()
	_, port, err := net.SplitHostPort(first.Peer)
	if err != nil {
		t.Fatal(err)
	}
	second := nodes.New(t, "second", "--join", "dns:localhost:"+port)
	second.Start()
	second.WaitReady()
	if nodes, _ := second.Get("/v1/cluster").Want(t, 200).Body["nodes"].([]any); len(nodes) != 2 {
		t.Errorf("the members are %v", nodes)
	}
}

// The response of /readyz states what a node waits for.
func TestReadyzReportsWhatIsMissing(t *testing.T) {
	n := nodes.New(t, "first", "--bootstrap-expect", "3", "--join", "127.0.0.1:1,127.0.0.1:2")
	n.Start()
	nodes.Eventually(t, "the node reports how many nodes it found", func() bool {
		a := n.Get("/readyz")
		return a.Status == 503 && strings.Contains(a.Raw, "1 of the 3 nodes that form the cluster are here")
	})
}
