package observability

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/lockd/lockd/test/harness/nodes"
)

const (
	root   = "../../.."
	alerts = "deploy/prometheus/alerts.yaml"
	tests  = "deploy/prometheus/alerts_test.yaml"
)

func TestMain(m *testing.M) { os.Exit(nodes.Main(m)) }

func read(t *testing.T, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// promtool returns a command. Without promtool the test is skipped, or fails with LOCKD_REQUIRE_PROMTOOL=1.
func promtool(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("LOCKD_REQUIRE_PROMTOOL") == "1" {
			t.Fatal("LOCKD_REQUIRE_PROMTOOL=1: no promtool")
		}
		t.Skip("NOT TESTED: the rules and metrics need promtool; Debian has it in prometheus")
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = root
	return cmd
}

// metricName matches the metrics in an expression.
var metricName = regexp.MustCompile(`\b(?:lockd|go|process|leader_election|promhttp)_[a-z_]+\b`)

var metricSuffix = regexp.MustCompile(`_(bucket|sum|count)$`)

// metricsOf returns the families that expressions name.
func metricsOf(exprs ...string) map[string]bool {
	found := make(map[string]bool)
	for _, e := range exprs {
		for _, name := range metricName.FindAllString(e, -1) {
			found[metricSuffix.ReplaceAllString(name, "")] = true
		}
	}
	return found
}
