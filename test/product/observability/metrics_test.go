package observability

import (
	"encoding/json"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/agent"
	"github.com/lockd/lockd/test/harness/certs"
	"github.com/lockd/lockd/test/harness/nodes"
)

const session = "observed-session-01"

// busyCluster returns three nodes that have served a write and a read.
func busyCluster(t *testing.T) *nodes.Cluster {
	t.Helper()
	c := nodes.StartThree(t)
	for _, n := range c.Nodes {
		n.Post("/v1/leases/observed/acquire", map[string]any{"holder": "a", "session": session}).Want(t, 201)
		n.Post("/v1/leases/observed/release", map[string]any{"session": session}).Want(t, 200)
		n.Get("/v1/leases").Want(t, 200)
	}
	return c
}

// TestPromtoolAcceptsTheMetrics checks names, units and help texts of a leader and its followers.
func TestPromtoolAcceptsTheMetrics(t *testing.T) {
	promtool(t) // before the nodes are started
	for _, n := range busyCluster(t).Nodes {
		check := promtool(t, "check", "metrics")
		check.Stdin = strings.NewReader(n.Get("/metrics").Raw)
		if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("promtool check metrics, node %s: %v\n%s", n.Name, err, out)
		}
	}
}

// TestNamedMetricsExist checks that nodes export every metric that the dashboard, the alerts and the documents name. A
// cluster without TLS has no certificate and sends no traces, and the agent has the metrics of elections.
func TestNamedMetricsExist(t *testing.T) {
	exported := ""
	for _, n := range busyCluster(t).Nodes {
		exported += n.Get("/metrics").Raw
	}
	authorities := certs.New(t, "lockd")
	secured := nodes.New(t, "secured", "--tls-dir", authorities.Node("secured"), "--otlp-endpoint", "http://"+nodes.FreeAddress(t))
	secured.Secure = authorities.HTTPClient(authorities.Dir)
	secured.Start()
	secured.WaitReady()
	exported += secured.Get("/metrics").Raw + agentMetrics(t)

	var exprs []string
	for _, r := range rules(t) {
		exprs = append(exprs, r.Expr)
	}
	named := metricsOf(slices.Concat(exprs, dashboardQueries(t), documents(t))...)
	if len(named) < 30 {
		t.Errorf("only %d metrics are named: %v", len(named), named)
	}
	for name := range named {
		if !strings.Contains(exported, "# TYPE "+name+" ") {
			t.Errorf("%s is in the dashboard, an alert or a document, but is not exported", name)
		}
	}
}

// dashboardQueries returns the queries of the panels and of the variables.
func dashboardQueries(t *testing.T) (all []string) {
	t.Helper()
	var file struct {
		Panels []struct {
			Title, Type, Description string
			Targets                  []struct{ Expr string }
		}
		Templating struct {
			List []struct {
				Name  string
				Query any
			}
		}
	}
	if err := json.Unmarshal(read(t, "deploy/grafana/lockd.json"), &file); err != nil {
		t.Fatal(err)
	}
	for _, p := range file.Panels {
		for _, q := range p.Targets {
			all = append(all, q.Expr)
		}
	}
	for _, v := range file.Templating.List {
		if q, ok := v.Query.(string); ok {
			all = append(all, q)
		}
	}
	return all
}

// agentMetrics returns the metrics of an agent, which needs no cluster to have them.
func agentMetrics(t *testing.T) string {
	t.Helper()
	metrics := agent.NewMetrics()
	client, err := lockd.New(lockd.Config{LeaderMetrics: metrics})
	if err != nil {
		t.Fatal(err)
	}
	answer := httptest.NewRecorder()
	agent.New(client, agent.Options{Name: "observed", Metrics: metrics}).Handler().
		ServeHTTP(answer, httptest.NewRequest("GET", "http://localhost/metrics", nil))
	return answer.Body.String()
}

// documents returns the texts of this repository.
func documents(t *testing.T) (all []string) {
	t.Helper()
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/adr/*.md"} {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(paths), err)
		}
		for _, path := range paths {
			name, err := filepath.Rel(root, path)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, string(read(t, name)))
		}
	}
	return all
}

// The alerts about members depend on what the leader exports of one that is down.
func TestLeaderExportsTheLagOfAMemberThatIsDown(t *testing.T) {
	c := nodes.StartThree(t)
	leader := c.Leader()
	down := c.Others(leader)[0]
	lag, contact := `lockd_peer_lag_entries{peer="`+down.Name+`"}`, `lockd_peer_last_contact_seconds{peer="`+down.Name+`"}`
	nodes.Eventually(t, "no member lags", func() bool { return leader.Metric(lag) == 0 && leader.Metric(contact) < 1 })
	down.Kill()
	for range 10 {
		leader.Post("/v1/leases/observed/acquire", map[string]any{"holder": "a", "session": session}).Want(t, 201)
		leader.Post("/v1/leases/observed/release", map[string]any{"session": session}).Want(t, 200)
	}
	nodes.Eventually(t, "the leader exports the lag", func() bool { return leader.Metric(lag) >= 10 && leader.Metric(contact) > 1 })
	if leader.Metric("lockd_voters") != 3 {
		t.Errorf("%v voters", leader.Metric("lockd_voters"))
	}
}
