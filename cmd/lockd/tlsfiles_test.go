package main

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockd/lockd/internal/pki"
)

// secureNode is a fake node with the certificates that the commands in its documentation make.
func secureNode(t *testing.T) (n *node, dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, args := range []string{
		"tls init --out " + dir + "/pki",
		"tls node lock-1 --ca " + dir + "/pki --host 127.0.0.1,localhost --out " + dir + "/tls",
		"tls client billing --ca " + dir + "/pki --out " + dir + "/billing",
	} {
		if r := command("", strings.Fields(args)...); r.code != exitOK {
			t.Fatalf("%s: %s", args, r.errOut)
		}
	}
	store, err := pki.Open(pki.Config{Dir: filepath.Join(dir, "tls")})
	if err != nil {
		t.Fatal(err)
	}
	n = newNode(t, map[string]answer{"GET /readyz": {body: "ok"}, "GET /healthz": {body: "ok"}, "GET /v1/cluster": {
		body: `{"node":{"id":"a.1","name":"a","insecure":true,"open":true},"nodes":[{"id":"a.1","name":"a"}]}`}})
	secured := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, err := store.Principal(r.TLS)
		if err != nil || r.URL.Path == "/healthz" && name != "billing" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		n.ServeHTTP(w, r)
	}))
	secured.TLS, secured.Config.ErrorLog = store.HTTPServer(), log.New(io.Discard, "", 0)
	secured.TLS.Certificates = nil // httptest would add its own
	secured.StartTLS()
	t.Cleanup(secured.Close)
	n.Server = secured
	return n, dir
}

func TestCommandsReachAnHTTPSNode(t *testing.T) {
	n, dir := secureNode(t)
	if r := n.command("health"); r.code == exitOK || !strings.Contains(r.out, "unknown authority") {
		t.Errorf("without --cacert: %d %s", r.code, r.out)
	}
	ca := filepath.Join(dir, "billing", "ca.crt")
	if r := n.command("health", "--cacert", ca); r.code != exitOK {
		t.Errorf("with --cacert: %s", r.out)
	}
	r := n.command("cluster", "status", "--cacert", ca)
	for _, want := range []string{"warning: a runs with --insecure", "warning: a is open to everyone who can connect"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("the status has no %q: %s %s", want, r.out, r.errOut)
		}
	}
	t.Setenv("LOCKD_CACERT", ca)
	if r := n.command("health", "--live"); r.code == exitOK {
		t.Errorf("a client without a certificate is a principal: %s", r.out)
	}
	cert, key := filepath.Join(dir, "billing", "client.crt"), filepath.Join(dir, "billing", "client.key")
	if r := n.command("health", "--live", "--cert", cert, "--key", key); r.code != exitOK {
		t.Errorf("with a certificate: %s", r.out)
	}
	for _, args := range [][]string{{"--cert", cert}, {"--cacert", filepath.Join(dir, "absent")}} {
		if r := n.command(append([]string{"health"}, args...)...); r.code != exitUsage {
			t.Errorf("%q: %d %s", args, r.code, r.errOut)
		}
	}
}
