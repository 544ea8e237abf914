package api_test

import (
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/lockd/lockd/internal/api"
)

// lines collects a log.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestOperatorRequestsAreLogged(t *testing.T) {
	var log lines
	w := newWorld(t, func(c *api.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	token := w.hold("job", "w1", sessionA)
	w.post("/v1/leases/job/step-down", `{"token":`+token+`,"to":"w2"}`).want(202)
	w.post("/v1/leases/job/break", `{"token":`+token+`,"reason":"stuck for an hour"}`).want(202)
	w.post("/v1/leases/job/break", `{"token":999,"reason":"once more"}`).want(409)
	w.post("/v1/cluster/remove", `{"id":"n2"}`)
	w.post("/v1/cluster/transfer-leader", `{"to":"n2"}`)
	out := log.String()
	for _, want := range []string{
		`msg="a step-down is requested by an operator" lease=job token=` + token + ` to=w2 by=127.0.0.1 from=127.0.0.1`,
		`msg="a hold is broken by an operator" lease=job token=` + token + ` reason="stuck for an hour" by=127.0.0.1 from=127.0.0.1`,
		`msg="a request of an operator did not succeed" request="a hold is broken by an operator" lease=job token=999 reason="once more" by=127.0.0.1`,
		`request="a node is removed by an operator" target=n2 by=`,
		`msg="leadership is transferred by an operator" target=n2 by=`,
	} {
		if strings.Count(out, want) != 1 {
			t.Errorf("the log does not have %s once: %s", want, out)
		}
	}
	if strings.Contains(out, sessionA) {
		t.Error("the log has a session")
	}
}
