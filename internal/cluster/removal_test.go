package cluster

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
)

func TestARemovedNodeSaysSoOnce(t *testing.T) {
	var out strings.Builder
	log := slog.New(slog.NewTextHandler(&out, nil))
	var r removal
	for now := time.Second; now < 10*removedAfter; now += removedAfter / 4 {
		r.see(log, true, now)
		r.refused(log, "a.1", removedReason)
	}
	if got := strings.Count(out.String(), "it was removed"); got != 2 {
		t.Errorf("it was said %d times, want once for each way of knowing it: %s", got, out.String())
	}
	out.Reset()
	r.see(log, false, 0)
	for now := time.Second; now < 10*removedAfter; now += removedAfter / 4 {
		r.see(log, now%removedAfter < removedAfter/2, now) // it joins: it is in a configuration now and then
	}
	if out.Len() != 0 {
		t.Errorf("a node that joins said %s", out.String())
	}
}

// A node that nobody votes for asks again several times a second.
func TestElectionsAreLoggedOnceAndNotAsWarnings(t *testing.T) {
	var out strings.Builder
	log := hclogger(slog.New(slog.NewTextHandler(&out, nil)))
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
