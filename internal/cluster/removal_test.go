package cluster

import (
	"log/slog"
	"strings"
	"testing"
	"time"
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
