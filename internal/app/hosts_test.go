package app_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"testing"

	"github.com/lockd/lockd/internal/app"
	"github.com/lockd/lockd/test/harness/inprocess"
	"github.com/lockd/lockd/test/harness/nodes"
)

// statusFor returns the status of a node's answer to a read with this Host.
func statusFor(t *testing.T, n *inprocess.Node, host string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+n.HTTP+"/v1/leases/job", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// TestNodesAnswerToTheNamesOfTheirCluster: the nodes join by names that none of them advertises, such as the names of
// services of containers. Each node answers to the names that members advertise, to the names in its --join and to the
// allowed names.
func TestNodesAnswerToTheNamesOfTheirCluster(t *testing.T) {
	c := inprocess.NewCluster(t)
	var join []string
	for i := range 3 {
		c.Add(fmt.Sprintf("n%d", i), func(cfg *app.Config) {
			_, port, _ := net.SplitHostPort(cfg.HTTPAddr)
			_, peer, _ := net.SplitHostPort(cfg.PeerAddr)
			cfg.BootstrapExpect, cfg.HTTPAdvertise = 3, fmt.Sprintf("advertised-%d.test:%s", i, port)
			cfg.AllowedHosts = []string{"*.allowed.test"}
			join = append(join, fmt.Sprintf("service-%d.test:%s", i, peer))
			cfg.Dial = func(ctx context.Context, address string) (net.Conn, error) {
				_, port, err := net.SplitHostPort(address)
				if err != nil {
					return nil, err
				}
				return new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:"+port)
			}
		})
	}
	for i, n := range c.Nodes {
		n.Config.Join = join
		if i == 2 { // the third joins by another name, which the others do not have
			_, port, _ := net.SplitHostPort(join[0])
			n.Config.Join = []string{"unknown.test:" + port}
		}
		n.Start()
	}
	c.WaitReady()
	for i, n := range c.Nodes {
		for host, want := range map[string]int{
			"advertised-0.test": 200, "advertised-1.test:7400": 200, "advertised-2.test": 200, "a.allowed.test": 200,
			"evil.test": 421, "allowed.test": 421, "advertised-3.test": 421,
		} {
			nodes.Eventually(t, fmt.Sprintf("node %d answers %d to %s", i, want, host), func() bool { return statusFor(t, n, host) == want })
		}
	}
	if got := statusFor(t, c.Nodes[0], "service-2.test"); got != 200 {
		t.Errorf("the status for a name in --join is %d", got)
	}
}
