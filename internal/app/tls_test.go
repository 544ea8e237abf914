package app_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/lockd/lockd/internal/app"
	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/pki"
	"github.com/lockd/lockd/test/harness/certs"
	"github.com/lockd/lockd/test/harness/inprocess"
	"github.com/lockd/lockd/test/harness/nodes"
)

// A holder holds a lease and renews it at all nodes in turn until it is stopped. Its TTL is three seconds, so a longer
// outage of the cluster costs the lease.
type holder struct {
	t       *testing.T
	renewed atomic.Int64
	nodes   atomic.Pointer[[]nodes.API]
	stop    func()
}

func hold(t *testing.T, c *inprocess.Cluster) *holder {
	t.Helper()
	h := &holder{t: t}
	h.use(c)
	token := c.Nodes[0].Post("/v1/leases/held/acquire", nodes.In{"holder": "a", "session": alice, "ttl_ms": 3_000}).Want(t, 201).Number("token")
	ended := make(chan struct{})
	var renewing sync.WaitGroup
	renewing.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-ended:
				return
			default:
			}
			all := *h.nodes.Load()
			a := all[i%len(all)].Post("/v1/leases/held/renew", nodes.In{"session": alice, "token": token})
			switch {
			case a.Status == http.StatusOK:
				h.renewed.Add(1)
			case a.Body["lost"] == true:
				t.Errorf("the lease was lost: %s", a.Raw)
				return
			}
		}
	})
	h.stop = sync.OnceFunc(func() {
		close(ended)
		renewing.Wait()
	})
	t.Cleanup(h.stop)
	return h
}

// use sets the nodes for renewals, after their ports have changed.
func (h *holder) use(c *inprocess.Cluster) {
	var all []nodes.API
	for _, n := range c.Nodes {
		all = append(all, n.API)
	}
	h.nodes.Store(&all)
}

// goesOn waits until the lease was renewed a few times more.
func (h *holder) goesOn() {
	h.t.Helper()
	before := h.renewed.Load()
	nodes.Eventually(h.t, "the lease is renewed", func() bool { return h.renewed.Load() > before+6 })
}

// restart restarts a node, and waits until it is ready and all replicas agree.
func restart(c *inprocess.Cluster, n *inprocess.Node) {
	n.Stop()
	n.Start()
	c.WaitReady()
	c.Leader()
}

// TestClusterSwitchesToTLSNodeByNode: off, allow and require, one node after another, and back again. No member is cut
// off and the lease is kept.
func TestClusterSwitchesToTLSNodeByNode(t *testing.T) {
	authorities := certs.New(t, "prod")
	dirs := make(map[string]string)
	c := inprocess.Start(t, 3, nil)
	for _, n := range c.Nodes {
		dirs[n.Name] = authorities.Node(n.Name)
	}
	h := hold(t, c)
	for _, mode := range []string{"allow", "require", "allow", "off"} {
		for _, n := range c.Nodes {
			n.Stop()
			n.Config.TLSDir, n.Config.PeerTLS = dirs[n.Name], mode
			n.Secure = authorities.HTTPClient(authorities.Dir)
			h.use(c)
			n.Start()
			c.WaitReady()
			c.Leader()
			h.goesOn()
		}
		plain, secured := `lockd_peer_connections{tls="no"}`, `lockd_peer_connections{tls="yes"}`
		if mode == "off" {
			plain, secured = secured, plain
		}
		for _, n := range c.Nodes {
			nodes.Eventually(t, fmt.Sprintf("all connections to %s are those of %s", n.Name, mode), func() bool {
				return n.Metric(plain) == 0 && n.Metric(secured) > 0
			})
		}
	}
	h.stop()
	c.Agree()
}

// startSecured starts three nodes whose certificates are of authorities.
func startSecured(t *testing.T, authorities *certs.Authorities) *inprocess.Cluster {
	t.Helper()
	c := inprocess.NewCluster(t)
	client := authorities.HTTPClient(authorities.Dir)
	for i := range 3 {
		name := fmt.Sprintf("n%d", i)
		c.Add(name, func(cfg *app.Config) { cfg.TLSDir = authorities.Node(name) }).Secure = client
	}
	for _, n := range c.Nodes {
		n.Config.BootstrapExpect, n.Config.Join = 3, c.Peers()
		n.Start()
	}
	c.WaitReady()
	return c
}

// TestAuthoritiesAndCertificatesAreReplacedUnderLoad: the three steps of lockd tls rotate-ca, each on every node before
// the next. After each step every node opens new connections, since one node after another is restarted.
func TestAuthoritiesAndCertificatesAreReplacedUnderLoad(t *testing.T) {
	old := certs.New(t, "prod")
	c := startSecured(t, old)
	h := hold(t, c)
	next := old.Rotate()
	reload := func(step string) {
		t.Helper()
		for _, n := range c.Nodes {
			n.App.Reload()
		}
		h.goesOn()
		for _, n := range c.Nodes {
			restart(c, n)
		}
		h.goesOn()
		if log := c.Log.String(); strings.Contains(log, "certificates not reloaded") {
			t.Fatalf("step %q: a directory was refused: %s", step, log)
		}
	}

	for _, n := range c.Nodes {
		next.Copy(next.Both(), n.Config.TLSDir, pki.CAFile, pki.ClientCAFile)
		n.Secure = next.HTTPClient(next.Both())
	}
	h.use(c)
	reload("trust both")

	for _, n := range c.Nodes {
		next.Copy(next.Node(n.Name), n.Config.TLSDir, pki.NodeKey, pki.NodeFile)
	}
	reload("new certificates")

	next.Finish()
	for _, n := range c.Nodes {
		next.Copy(next.Dir, n.Config.TLSDir, pki.CAFile, pki.ClientCAFile)
		n.Secure = next.HTTPClient(next.Dir)
	}
	h.use(c)
	reload("trust the new ones alone")
	h.stop()
	c.Agree()

	stranger := c.Add("n3", func(cfg *app.Config) { cfg.TLSDir, cfg.Join = old.Node("n3"), c.Peers()[:3] })
	stranger.Secure = old.HTTPClient(old.Dir)
	stranger.Start()
	nodes.Eventually(t, "a node of the old authority is refused", func() bool {
		return strings.Contains(stranger.Get("/readyz").Raw, "certificate")
	})
}

// TestBrokenTLSDirectoryKeepsTheLastGoodOne: a running node logs what is wrong and goes on. It does not start with it.
func TestBrokenTLSDirectoryKeepsTheLastGoodOne(t *testing.T) {
	authorities := certs.New(t, "prod")
	c := startSecured(t, authorities)
	n := c.Nodes[0]
	if err := os.WriteFile(filepath.Join(n.Config.TLSDir, pki.NodeKey), []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	n.App.Reload()
	if !strings.Contains(c.Log.String(), "the last good ones stay in use") {
		t.Error("the broken key is not logged")
	}
	n.Secure.CloseIdleConnections()
	n.Post("/v1/leases/job/acquire", nodes.In{"holder": "a", "session": alice}).Want(t, 201)
	if left := n.Metric(`lockd_tls_expiry_seconds{cert="node.crt"}`); left < 3_600 || left > 100_000 {
		t.Errorf("the certificate is valid for %v s", left)
	}
	n.Stop()
	if _, err := app.New(n.Config); err == nil || !strings.Contains(err.Error(), pki.NodeKey) {
		t.Errorf("the node starts with a broken key: %v", err)
	}
}

// TestNodesAdvertiseHTTPS: what clients read in the state of the cluster is what they can use.
func TestNodesAdvertiseHTTPS(t *testing.T) {
	c := startSecured(t, certs.New(t, "prod"))
	var want []string
	for _, n := range c.Nodes {
		want = append(want, n.URL(""))
	}
	slices.Sort(want)
	nodes.Eventually(t, fmt.Sprintf("the addresses are %q", want), func() bool { // when the members have written their records
		var got []string
		members, _ := c.Nodes[0].Get("/v1/cluster").Body["nodes"].([]any)
		for _, m := range members {
			got = append(got, fmt.Sprint(m.(map[string]any)["http"]))
		}
		slices.Sort(got)
		return slices.Equal(got, want)
	})
}

// TestInsecureIsVisible: in the log, a metric and the state of the node.
func TestInsecureIsVisible(t *testing.T) {
	c := inprocess.Start(t, 1, func(cfg *app.Config) { cfg.Insecure = true })
	n := c.Nodes[0]
	self, _ := n.Get("/v1/cluster").Body["node"].(map[string]any)
	if self["insecure"] != true || self["open"] != false || n.Metric("lockd_insecure") != 1 || !strings.Contains(c.Log.String(), "--insecure: ") {
		t.Errorf("the node is %v, the metric %v", self, n.Metric("lockd_insecure"))
	}
}

// TestCertificateOfARemovedNodeIsDenied: it joins again with a new certificate only, also after the others restarted.
func TestCertificateOfARemovedNodeIsDenied(t *testing.T) {
	authorities := certs.New(t, "prod")
	c := startSecured(t, authorities)
	removed := c.Nodes[2]
	others := c.Peers()[:2]
	nodes.Eventually(t, "every member reads the newest version", func() bool { return c.Leader().Metric("lockd_entry_version") == fsm.EntryVersion })
	c.Nodes[0].Post("/v1/cluster/remove", nodes.In{"id": "n2"}).Want(t, http.StatusOK)
	removed.Stop()
	for _, n := range c.Nodes[:2] {
		n.Stop()
		n.Start()
	}
	for _, n := range c.Nodes[:2] {
		nodes.Eventually(t, n.Name+" is ready", n.Ready)
	}

	again := c.Add("n2", func(cfg *app.Config) { cfg.TLSDir, cfg.Join = removed.Config.TLSDir, others })
	again.Secure = removed.Secure
	again.Start()
	nodes.Eventually(t, "the certificate is denied", func() bool { return strings.Contains(c.Log.String(), "is denied: the node was removed") })
	if again.Ready() {
		t.Error("a node joins with the certificate of a removed one")
	}
	authorities.Copy(authorities.Node("n2"), again.Config.TLSDir, pki.NodeKey, pki.NodeFile)
	again.App.Reload()
	nodes.Eventually(t, "it joins with a new certificate", again.Ready)
}
