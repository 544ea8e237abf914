package kube_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockd/lockd/test/harness/inprocess"
	"github.com/lockd/lockd/test/harness/nodes"
)

// TestObjectsSurviveFailovers: clients of three nodes take, renew and release one Lease while leaders stop. A client that receives
// to hold it has a token above those before, versions never go back, and a watch that resumes misses no version.
func TestObjectsSurviveFailovers(t *testing.T) {
	cluster := inprocess.Start(t, 3, nil)
	send := func(at *inprocess.Node, method, path, body string) (int, map[string]any) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, method, at.URL(path), strings.NewReader(body))
		if err != nil {
			t.Error(err)
			return 0, nil
		}
		r.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0, nil
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		var object map[string]any
		_ = json.Unmarshal(b, &object) // an answer can be cut
		return resp.StatusCode, object
	}
	nodes.Eventually(t, "the cluster writes the newest version", func() bool {
		code, _ := send(cluster.Nodes[0], "POST", leases, lease("demo", "", ""))
		return code == http.StatusCreated
	})

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stopped := make(chan struct{})
	var clients, watches sync.WaitGroup
	var mu sync.Mutex
	holders := make(map[string]string) // by token
	stored := make(map[string]string)  // the holders of the versions that were answered
	for i, at := range cluster.Nodes {
		holder := fmt.Sprint("client-", i)
		clients.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stopped:
					return
				default:
				}
				code, now := send(at, "GET", leases+"/demo", "")
				a := answer{body: now}
				if code != http.StatusOK || a.at("spec/holderIdentity") != "" && a.at("spec/holderIdentity") != holder {
					time.Sleep(5 * time.Millisecond)
					continue
				}
				next := holder
				if a.at("spec/holderIdentity") == holder && n%4 == 3 {
					next = ""
				}
				body := fmt.Sprintf(`{"metadata":{"name":"demo","resourceVersion":%q},"spec":{"holderIdentity":%q,"leaseDurationSeconds":2,"renewTime":%q}}`,
					a.version(), next, time.Now().UTC().Format("2006-01-02T15:04:05.000000Z"))
				code, object := send(at, "PUT", leases+"/demo", body)
				if code != http.StatusOK {
					continue
				}
				made := answer{body: object}
				mu.Lock()
				stored[made.version()] = next
				if token := made.annotation("lockd.io/fencing-token"); next != "" {
					if other := holders[token]; other != "" && other != next {
						t.Errorf("%s and %s hold the Lease with the token %s", other, next, token)
					}
					holders[token] = next
				}
				mu.Unlock()
			}
		})
	}
	seen := make([]map[string]string, len(cluster.Nodes)) // of each watch
	for i, at := range cluster.Nodes {
		seen[i] = make(map[string]string)
		watches.Go(func() {
			after := uint64(1)
			for ctx.Err() == nil {
				r, _ := http.NewRequestWithContext(ctx, "GET", at.URL(leases)+"?watch=true&resourceVersion="+strconv.FormatUint(after, 10), nil)
				resp, err := http.DefaultClient.Do(r)
				if err != nil {
					time.Sleep(10 * time.Millisecond)
					continue
				}
				lines := bufio.NewScanner(resp.Body)
				for lines.Scan() {
					var frame answer
					if json.Unmarshal(lines.Bytes(), &frame.body) != nil || frame.at("type") == "ERROR" {
						t.Errorf("the watch of %s got %s", at.Name, lines.Text())
						break
					}
					version, _ := strconv.ParseUint(frame.at("object/metadata/resourceVersion"), 10, 64)
					if version <= after {
						t.Errorf("the version %d after %d", version, after)
					}
					after = version
					mu.Lock()
					seen[i][strconv.FormatUint(version, 10)] = frame.at("object/spec/holderIdentity")
					mu.Unlock()
				}
				_ = resp.Body.Close()
			}
		})
	}
	served := func() { // until more holders were granted the Lease
		granted := func() int {
			mu.Lock()
			defer mu.Unlock()
			return len(holders)
		}
		before := granted()
		nodes.Eventually(t, "the Lease is granted again", func() bool { return granted() >= before+10 })
	}
	for range 2 {
		served()
		leader := cluster.Leader()
		leader.Stop()
		cluster.Leader()
		served()
		leader.Start()
		leader.WaitReady()
	}
	close(stopped)
	clients.Wait()
	cluster.Agree()
	nodes.Eventually(t, "the watches have sent every version that was answered", func() bool {
		mu.Lock()
		defer mu.Unlock()
		for _, s := range seen {
			for version, holder := range stored {
				if got, ok := s[version]; !ok || got != holder {
					return false
				}
			}
		}
		return true
	})
	cancel()
	watches.Wait()
	if len(stored) < 20 || len(holders) < 3 {
		t.Errorf("%d writes and %d holds: the test shows nothing", len(stored), len(holders))
	}
}
