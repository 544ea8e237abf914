package clients

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/lockd/lockd/test/harness/nodes"
)

// root is the directory of lockd's own module: lockd is built there, with the versions that its own go.mod has.
const root = "../../../.."

var lockd = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("LOCKD_BINARY"); path != "" {
		return path, nil
	}
	dir, err := os.MkdirTemp("", "lockd-interop-*")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "lockd")
	if out, err := exec.Command("go", "build", "-C", root, "-o", path, "./cmd/lockd").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build lockd: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := lockd(); err == nil && os.Getenv("LOCKD_BINARY") == "" {
		_ = os.RemoveAll(filepath.Dir(path)) // in the directory for temporary files
	}
	os.Exit(code)
}

// binary returns the path of the lockd under test.
func binary(t *testing.T) string {
	t.Helper()
	path, err := lockd()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// startThree starts three nodes without TLS.
func startThree(t *testing.T) *nodes.Cluster {
	t.Helper()
	program := binary(t)
	return nodes.StartThreeWith(t, func(n *nodes.Node) { n.Program = program })
}

// missing skips the test because the machine has no such program. With LOCKD_REQUIRE_INTEROP=1 it fails instead.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("LOCKD_REQUIRE_INTEROP") == "1" {
		t.Fatalf("LOCKD_REQUIRE_INTEROP=1: %s", what)
	}
	t.Skip("SKIPPED: " + what)
}

// The wires of client-go.
const (
	protobuf = "application/vnd.kubernetes.protobuf"
	jsonWire = "application/json"
)

// configFor returns how client-go reaches a node.
func configFor(n *nodes.Node, wire string) *rest.Config {
	c := &rest.Config{Host: n.URL(""), QPS: -1}
	if wire == protobuf {
		c.ContentConfig = rest.ContentConfig{ContentType: protobuf, AcceptContentTypes: protobuf + "," + jsonWire}
	} else {
		c.ContentConfig = rest.ContentConfig{ContentType: wire}
	}
	return c
}

func clientset(t *testing.T, c *rest.Config) *kubernetes.Clientset {
	t.Helper()
	cs, err := kubernetes.NewForConfig(c)
	if err != nil {
		t.Fatal(err)
	}
	return cs
}

// A cut can disconnect a client.
type cut struct{ off atomic.Bool }

var errCut = errors.New("the test has disconnected this client")

// through returns the configuration with a transport that the cut can disconnect.
func (c *cut) through(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			if c.off.Load() {
				return nil, errCut
			}
			return next.RoundTrip(r)
		})
	})
	return config
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// namespaceOf returns a namespace of the test's own.
func namespaceOf(t *testing.T) string {
	name := strings.ToLower(strings.NewReplacer("/", "-", "_", "-", "=", "-", ",", "-", ".", "-").Replace(t.Name()))
	return strings.Trim(name[max(0, len(name)-40):], "-")
}

// within returns a context for the requests of a test.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// must fails the test on an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// got returns a value, and fails the test if there is an error instead.
func got[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		must(t, err)
		return v
	}
}

// tokenOf returns the fencing token of a Lease, or "".
func tokenOf(o metav1.Object) string { return o.GetAnnotations()["lockd.io/fencing-token"] }
