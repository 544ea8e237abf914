package e2e

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lockd/lockd/internal/pki"
	"github.com/lockd/lockd/test/harness/certs"
	"github.com/lockd/lockd/test/harness/nodes"
)

// TestServerLoadsNewCertificatesAtSIGHUP: new connections use the new certificate, and the node goes on.
func TestServerLoadsNewCertificatesAtSIGHUP(t *testing.T) {
	authorities := certs.New(t, "prod")
	dir := authorities.Node("secured")
	n := nodes.New(t, "secured", "--tls-dir", dir)
	n.Secure = authorities.HTTPClient(authorities.Dir)
	n.Start()
	n.WaitReady()
	n.Post("/v1/leases/job/acquire", nodes.In{"holder": "a", "session": alice}).Want(t, 201)
	authorities.Copy(authorities.Node("secured"), dir, pki.NodeKey, pki.NodeFile)
	n.Signal(syscall.SIGHUP)
	nodes.Eventually(t, "the node logs that it has new certificates", func() bool {
		return strings.Contains(n.Log(), "certificates reloaded")
	})
	loaded, err := pki.ReadCerts(filepath.Join(dir, pki.NodeFile))
	if err != nil {
		t.Fatal(err)
	}
	n.Secure.CloseIdleConnections()
	resp, err := n.Secure.Get(n.URL("/healthz"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if shown := resp.TLS.PeerCertificates[0]; !shown.Equal(loaded[0]) {
		t.Errorf("the node shows the certificate %v, want %v", shown.SerialNumber, loaded[0].SerialNumber)
	}
	n.Post("/v1/leases/job/renew", nodes.In{"session": alice}).Want(t, 200)
	n.Stop()
}

func TestServerDoesNotStartWithoutItsCertificates(t *testing.T) {
	n := nodes.New(t, "secured", "--tls-dir", t.TempDir())
	if code, output := n.Fails(); code == 0 || !strings.Contains(output, pki.CAFile) {
		t.Errorf("exit %d: %s", code, output)
	}
}
