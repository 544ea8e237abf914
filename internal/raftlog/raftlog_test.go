package raftlog

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
)

// A node that gets no votes starts several elections a second.
func TestElectionsAreLoggedOnceAndNotAsWarnings(t *testing.T) {
	var out strings.Builder
	log := New(slog.New(slog.NewTextHandler(&out, nil)))
	for range 87 {
		log.Log(hclog.Info, "entering candidate state", "node", "Node at a [Candidate]", "term", 7)
		log.Log(hclog.Warn, "Election timeout reached, restarting election")
	}
	if lines := strings.Count(out.String(), "\n"); lines != 2 || strings.Contains(out.String(), "WARN") {
		t.Errorf("%d lines: %s", lines, out.String())
	}
	out.Reset()
	log.Log(hclog.Info, "entering leader state", "leader", "a")
	log.Log(hclog.Info, "entering leader state", "leader", "a")
	log.Log(hclog.Error, "failed to heartbeat to", "peer", "b")
	if lines := strings.Count(out.String(), "\n"); lines != 3 {
		t.Errorf("%d lines of what matters: %s", lines, out.String())
	}
}
