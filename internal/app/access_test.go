package app_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/app"
	"github.com/lockd/lockd/test/harness/inprocess"
	"github.com/lockd/lockd/test/harness/nodes"
)

// guarded is a cluster of three nodes whose operator can use the admin sockets.
type guarded struct {
	*inprocess.Cluster
	t *testing.T
}

func startGuarded(t *testing.T) *guarded {
	t.Helper()
	return &guarded{inprocess.Start(t, 3, nil), t}
}

func (g *guarded) socket(node int) nodes.API {
	return nodes.Socket(filepath.Join(g.Nodes[node].Config.DataDir, app.AdminSocket))
}

// token makes a token at the admin socket, and its principal unless it exists. It returns the token and its ID.
func (g *guarded) token(principal string, rules ...string) (token, id string) {
	g.t.Helper()
	in := nodes.In{"principal": principal}
	if len(rules) > 0 {
		in["rules"] = rules
	}
	a := g.socket(0).Post("/v1/tokens", in).Want(g.t, 201)
	return a.Text("token"), a.Text("id")
}

func (g *guarded) mode(mode string) {
	g.t.Helper()
	g.socket(1).Post("/v1/auth", nodes.In{"mode": mode}).Want(g.t, 200)
}

// everywhere waits until each node has a mode.
func (g *guarded) everywhere(mode string) {
	g.t.Helper()
	for i, n := range g.Running() {
		nodes.Eventually(g.t, n.Name+" is in mode "+mode, func() bool { return g.socket(i).Get("/v1/auth").Text("mode") == mode })
	}
}

// stream opens a stream of events, and returns a channel that is closed when the stream ends.
func (g *guarded) stream(d nodes.API) <-chan struct{} {
	g.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	g.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.URL("/v1/watch?name=app.held"), nil)
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	if d.Token != "" {
		req.Header.Set("Authorization", "Bearer "+d.Token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		g.t.Fatalf("%v, %v", resp, err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
	}()
	return ended
}

// ends waits until a stream has ended.
func ends(t *testing.T, what string, ended <-chan struct{}) {
	t.Helper()
	select {
	case <-ended:
	case <-time.After(nodes.Patience):
		t.Errorf("%s has not ended", what)
	}
}

// load renews holds of a principal at every node until stop is called, which returns how many requests were refused.
func (g *guarded) load(token string) (stop func() (renewed, refused int64)) {
	var renewed, refused atomic.Int64
	var running sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	for i, n := range g.Nodes {
		d := n.As(token)
		at, session := fmt.Sprintf("/v1/leases/load.%d", i), fmt.Sprintf("load-session-%08d", i)
		d.Post(at+"/acquire", nodes.In{"holder": "load", "session": session, "ttl_ms": 60_000}).Want(g.t, 201)
		running.Go(func() {
			for ctx.Err() == nil {
				switch status := d.Post(at+"/renew", nodes.In{"session": session}).Status; {
				case status == http.StatusOK:
					renewed.Add(1)
				case status >= 400 && status < 500:
					refused.Add(1)
				}
			}
		})
	}
	return func() (int64, int64) {
		cancel()
		running.Wait()
		return renewed.Load(), refused.Load()
	}
}

// A token is revoked while its owner holds, waits and watches at every node, and others renew.
func TestRevokedTokenIsRefusedEverywhere(t *testing.T) {
	g := startGuarded(t)
	ops, _ := g.token("ops", "admin")
	revoked, id := g.token("app", "acquire:app.")
	other, otherID := g.token("app")
	gone, goneID := g.token("gone", "acquire:gone.")
	load, _ := g.token("load", "acquire:load.")
	g.mode("on")
	g.everywhere("on")
	held := "/v1/leases/app.held"
	take := nodes.In{"holder": "alice", "session": alice, "ttl_ms": 60_000}
	token := g.Nodes[0].As(revoked).Post(held+"/acquire", take).Want(t, 201).Number("token")
	g.Nodes[0].As(revoked).Post("/v1/leases/app.short/acquire", nodes.In{"holder": "alice", "session": alice, "ttl_ms": 1_000}).Want(t, 201)
	g.Nodes[0].As(gone).Post("/v1/leases/gone.held/acquire", nodes.In{"holder": "gone", "session": carol, "ttl_ms": 60_000}).Want(t, 201)
	stop := g.load(load)

	var streams []<-chan struct{}
	waits := make(chan nodes.Answer, len(g.Nodes))
	for i, n := range g.Nodes {
		streams = append(streams, g.stream(n.As(revoked)))
		wait := nodes.In{"holder": "waiter", "session": fmt.Sprintf("waiting-session-%d", i), "wait_ms": 60_000}
		go func() { waits <- n.As(revoked).DoWithin(2*nodes.Patience, http.MethodPost, held+"/acquire", wait) }()
	}
	admin := g.Nodes[2].As(ops)
	nodes.Eventually(t, "the waiters are in the queue", func() bool { return admin.Get(held).Number("queue_length") == 3 })

	admin.Do(http.MethodDelete, "/v1/tokens/"+id, nil).Want(t, 200)
	for _, n := range g.Nodes { // the leader checks, so that no node has to know it yet
		n.As(revoked).Post(held+"/renew", nodes.In{"session": alice}).Want(t, 401)
		n.As(revoked).Get(held).Want(t, 401)
	}
	for i, ended := range streams {
		ends(t, "the stream at "+g.Nodes[i].Name, ended)
	}
	for range g.Nodes {
		if a := <-waits; a.Status != http.StatusUnauthorized {
			t.Errorf("a wait was answered with %d %v %s", a.Status, a.Err, a.Raw)
		}
	}
	nodes.Eventually(t, "the queue is empty", func() bool { return admin.Get(held).Number("queue_length") == 0 })

	for _, n := range g.Nodes {
		a := n.As(other).Post(held+"/renew", nodes.In{"session": alice}).Want(t, 200)
		if a.Number("token") != token {
			t.Errorf("the hold has token %d, before %d", a.Number("token"), token)
		}
		n.As(load).Post(held+"/renew", nodes.In{"session": alice}).Want(t, 403)
	}
	nodes.Eventually(t, "a hold that is not renewed ends", func() bool { return admin.Get("/v1/leases/app.short").Text("state") == "free" })
	waited := make(chan nodes.Answer, 1)
	go func() {
		wait := nodes.In{"holder": "gone", "session": "gone-waiting-session-1", "wait_ms": 60_000}
		waited <- g.Nodes[1].As(gone).DoWithin(2*nodes.Patience, http.MethodPost, "/v1/leases/gone.held/acquire", wait)
	}()
	nodes.Eventually(t, "the waiter is in the queue", func() bool { return admin.Get("/v1/leases/gone.held").Number("queue_length") == 1 })
	if broken := admin.Do(http.MethodDelete, "/v1/tokens/"+goneID+"?break=true", nil).Want(t, 200).Number("broken"); broken != 1 {
		t.Errorf("%d holds were broken, want 1", broken)
	}
	if state := admin.Get("/v1/leases/gone.held").Want(t, 200).Text("state"); state != "free" {
		t.Errorf("the lease is %s", state)
	}
	if a := <-waited; a.Status != http.StatusUnauthorized {
		t.Errorf("the waiter was answered with %d %s", a.Status, a.Raw)
	}
	repeat := "/v1/tokens/" + goneID + "?break=true&principal=gone"
	if a := admin.Do(http.MethodDelete, repeat, nil).Want(t, 200); a.Number("broken") != 0 || a.Body["was_gone"] != true {
		t.Errorf("a repeat: %s", a.Raw)
	}
	if renewed, refused := stop(); refused != 0 || renewed == 0 {
		t.Errorf("%d renewals of others succeeded, %d were refused", renewed, refused)
	}

	down := g.Follower()
	down.Stop()
	leader := g.Leader()
	leader.As(ops).Do(http.MethodDelete, "/v1/tokens/"+otherID, nil).Want(t, 200)
	down.Start()
	down.WaitReady()
	down.As(other).Post(held+"/renew", nodes.In{"session": alice}).Want(t, 401)
	down.As(other).Get(held+"?stale=true").Want(t, 401) // without the leader
	if got := leader.As(ops).Get(held).Want(t, 200).Number("token"); got != token {
		t.Errorf("the hold has token %d, before %d", got, token)
	}
}

// Holds from before authentication is enabled live on, as do those from before it is disabled.
func TestAuthenticationIsSwitchedUnderHolds(t *testing.T) {
	g := startGuarded(t)
	plain := g.Nodes[2].API
	first, second := "/v1/leases/app.held", "/v1/leases/app.later"
	take := nodes.In{"holder": "alice", "session": alice, "ttl_ms": 60_000}
	token := plain.Post(first+"/acquire", take).Want(t, 201).Number("token")
	stream := g.stream(plain)
	ops, _ := g.token("ops", "admin")
	secret, _ := g.token("app", "acquire:app.")
	g.mode("on")
	plain.Post(first+"/renew", nodes.In{"session": alice}).Want(t, 401)
	plain.Post(second+"/acquire", take).Want(t, 401)
	ends(t, "the stream without a credential", stream)
	app := plain.As(secret)
	if got := app.Post(first+"/renew", nodes.In{"session": alice}).Want(t, 200).Number("token"); got != token {
		t.Errorf("the hold has token %d, before %d", got, token)
	}
	later := app.Post(second+"/acquire", take).Want(t, 201).Number("token")

	plain.As(ops).Post("/v1/auth", nodes.In{"mode": "off"}).Want(t, 403)
	plain.As(ops).Post("/v1/auth", nodes.In{"mode": "permissive"}).Want(t, 403)
	plain.Post("/v1/tokens", nodes.In{"principal": "thief", "rules": []string{"admin"}}).Want(t, 401)
	g.mode("off")
	g.everywhere("off")
	plain.Post("/v1/tokens", nodes.In{"principal": "thief", "rules": []string{"admin"}}).Want(t, 401)
	for path, want := range map[string]int64{first: token, second: later} {
		if got := plain.Post(path+"/renew", nodes.In{"session": alice}).Want(t, 200).Number("token"); got != want {
			t.Errorf("%s has token %d, before %d", path, got, want)
		}
	}
}

// The file of the bootstrap token is still there when all principals of a cluster are deleted and its nodes restart.
func TestBootstrapTokenIsForANewClusterOnly(t *testing.T) {
	token, err := access.NewToken(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token.Secret()), 0o600); err != nil {
		t.Fatal(err)
	}
	g := &guarded{inprocess.Start(t, 1, func(c *app.Config) { c.BootstrapTokenFile = file }), t}
	n := g.Nodes[0]
	admin := n.As(token.Secret())
	nodes.Eventually(t, "the token is valid", func() bool { return admin.Get("/v1/principals").Status == http.StatusOK })
	admin.Post("/v1/auth", nodes.In{"mode": "on"}).Want(t, 200)
	n.Stop()
	n.Start()
	n.WaitReady()
	admin.Get("/v1/principals").Want(t, 200)
	admin.Do(http.MethodDelete, "/v1/principals/admin", nil).Want(t, 200)
	n.Stop()
	n.Start()
	n.WaitReady()
	nodes.Eventually(t, "the node has tried to add the token", func() bool { return strings.Contains(g.Log.Tail(), "the bootstrap token was not added") })
	n.As(token.Secret()).Get("/v1/principals").Want(t, 401)
	if all := g.socket(0).Get("/v1/principals").Want(t, 200).Raw; strings.Contains(all, "admin") {
		t.Errorf("principals: %s", all)
	}
}
