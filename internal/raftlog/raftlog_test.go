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
		log.Log(hclog.Warn, "heartbeat timeout reached, starting election", "last-leader-addr", "", "last-leader-id", "")
		log.Log(hclog.Warn, "Election timeout reached, restarting election")
	}
	if lines := strings.Count(out.String(), "\n"); lines != 2 || strings.Contains(out.String(), "WARN") {
		t.Errorf("%d lines: %s", lines, out.String())
	}
}

func TestLinesHavePlainWordsAndALevelThatFits(t *testing.T) {
	for _, c := range []struct {
		level     hclog.Level
		msg, want string
	}{
		{hclog.Error, "failed to heartbeat to", `level=WARN msg="a member does not answer heartbeats" peer=b`},
		{hclog.Error, "peer has newer term, stopping replication", ""},
		{hclog.Info, "entering follower state", ""},
		{hclog.Info, "snapshot complete up to", `level=INFO msg="a snapshot was written" peer=b`},
		{hclog.Error, "failed to commit logs", `level=ERROR msg="raft: failed to commit logs" peer=b`},
		{hclog.Warn, "snapshot version not supported", `level=WARN msg="raft: snapshot version not supported" peer=b`},
	} {
		var out strings.Builder
		New(slog.New(slog.NewTextHandler(&out, nil))).Log(c.level, c.msg, "peer", struct{ ID string }{"b"}, "leader", "")
		if got := out.String(); (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.msg, got, c.want)
		}
	}
}
