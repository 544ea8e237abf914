//go:build compose

package compose

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// node is a service of the compose file.
type node struct {
	name string // of the service, the host and the node
	http string // published address
}

var nodes = []node{
	{"lockd1", "127.0.0.1:7400"},
	{"lockd2", "127.0.0.1:7410"},
	{"lockd3", "127.0.0.1:7420"},
}

func (n node) container() string { return project + "-" + n.name + "-1" }

// others returns the nodes except one.
func others(than node) []node {
	return slices.DeleteFunc(slices.Clone(nodes), func(n node) bool { return n == than })
}

// health returns the status of a container and of its health check.
func (n node) health() string {
	out, err := docker("inspect", "--format", "{{.State.Status}} {{.State.Health.Status}}", n.container())
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(out)
}

// status is the response to GET /v1/cluster.
type status struct {
	Cluster string `json:"cluster_id"`
	Leader  string `json:"leader"`
	Rev     uint64 `json:"revision"`
	Nodes   []struct {
		Name  string `json:"name"`
		HTTP  string `json:"http"`
		Peer  string `json:"peer"`
		Voter bool   `json:"voter"`
	} `json:"nodes"`
}

func (n node) status() (s status, ok bool) {
	a := n.get("/v1/cluster")
	return s, a.status == http.StatusOK && json.Unmarshal(a.raw, &s) == nil
}

// whole waits until the engine reports every container as healthy and the nodes agree on their leader and have the
// same revision. It returns the leader.
func whole(t *testing.T) (leader node, s status) {
	t.Helper()
	eventually(t, "all nodes are healthy and have the same revision", func() bool {
		for _, n := range nodes {
			if n.health() != "running healthy" {
				return false
			}
		}
		var ok bool
		leader, s, ok = agreed(nodes)
		if !ok || len(s.Nodes) != len(nodes) {
			return false
		}
		for _, n := range nodes {
			o, ok := n.status()
			if !ok || o.Rev != s.Rev || o.Cluster != s.Cluster {
				return false
			}
		}
		return true
	})
	return leader, s
}

// agreed returns the node that all given nodes report as the leader.
func agreed(among []node) (leader node, s status, ok bool) {
	for i, n := range among {
		o, ok := n.status()
		if !ok || o.Leader == "" || i > 0 && o.Leader != s.Leader {
			return node{}, status{}, false
		}
		s = o
	}
	at := slices.IndexFunc(among, func(n node) bool { return n.name == s.Leader })
	if at < 0 {
		return node{}, status{}, false
	}
	return among[at], s, true
}

type answer struct {
	status int
	raw    []byte
	err    error
	body   struct {
		Token  int64           `json:"token"`
		Queue  int             `json:"queue_length"`
		Events json.RawMessage `json:"events"`
	}
}

func (n node) get(path string) answer { return n.do(http.MethodGet, path, nil, 5*time.Second) }

func (n node) post(path string, body any) answer {
	return n.do(http.MethodPost, path, body, 5*time.Second)
}

// do opens a connection for each request, because an old one hangs if its container was paused or created again.
func (n node) do(method, path string, body any, timeout time.Duration) answer {
	sent, err := json.Marshal(body)
	if err != nil {
		return answer{err: err}
	}
	if body == nil {
		sent = nil
	}
	req, err := http.NewRequest(method, "http://"+n.http+path, bytes.NewReader(sent))
	if err != nil {
		return answer{err: err}
	}
	c := http.Client{Timeout: timeout, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode}
	a.raw, a.err = io.ReadAll(resp.Body)
	_ = json.Unmarshal(a.raw, &a.body)
	return a
}

func (a answer) want(t *testing.T, status int) answer {
	t.Helper()
	if a.err != nil || a.status != status {
		t.Fatalf("want %d, got %d %v %s", status, a.status, a.err, a.raw)
	}
	return a
}

type in map[string]any

const (
	alice = "alice-session-0001"
	bob   = "bob-session-000001"
)
