package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A node that is told everything by its file, and something else by a flag.
func TestServerStartsFromItsFile(t *testing.T) {
	n := newNode(t, "from-a-flag")
	path := filepath.Join(t.TempDir(), "lockd.yaml")
	text := fmt.Sprintf("node-id: from-the-file\ndata-dir: %s\nhttp-addr: %s\npeer-addr: %s\nhttp-advertise: lock-1.example.org:7400\n",
		n.dir, n.http, n.peer)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	n.run(exec.Command(lockd(t), "server", "--config", path, "--node-id", n.name))
	n.waitReady()
	a := n.get("/v1/cluster").want(t, 200)
	self, _ := a.body["node"].(map[string]any)
	if self["name"] != "from-a-flag" || self["http"] != "lock-1.example.org:7400" {
		t.Errorf("the node is %v", self)
	}
}

// The other tests have a name server of their own; this asks the host's.
func TestANodeJoinsByName(t *testing.T) {
	first := newNode(t, "first")
	first.start()
	first.waitReady()
	_, port, err := net.SplitHostPort(first.http)
	if err != nil {
		t.Fatal(err)
	}
	second := newNode(t, "second", "--join", "dns:localhost:"+port)
	second.start()
	second.waitReady()
	if nodes, _ := second.get("/v1/cluster").want(t, 200).body["nodes"].([]any); len(nodes) != 2 {
		t.Errorf("the members are %v", nodes)
	}
}

// A node that waits for others says to whoever asks what is missing.
func TestReadyzSaysWhatIsMissing(t *testing.T) {
	n := newNode(t, "first", "--bootstrap-expect", "3", "--join", "127.0.0.1:1,127.0.0.1:2")
	n.start()
	eventually(t, "it says that it is alone", func() bool {
		a := n.get("/readyz")
		return a.status == 503 && strings.Contains(a.raw, "1 of the 3 nodes that form the cluster are here")
	})
}
