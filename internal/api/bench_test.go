package api

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/lockd/lockd/internal/fsm"
)

// fixedNode returns the same reply at once to every request.
type fixedNode struct {
	Leases
	Cluster
	reply  fsm.Reply
	answer fsm.Answer
}

func (s *fixedNode) Do(context.Context, fsm.Command) (fsm.Reply, error) { return s.reply, nil }

func (s *fixedNode) Query(context.Context, fsm.Query, bool) (fsm.Answer, error) { return s.answer, nil }

func (s *fixedNode) Here() Here { return Here{Node: "a", Leader: "a", Revision: s.reply.Revision} }

func newFixedNode() *fixedNode {
	m := fsm.New()
	out := m.Apply(1, &fsm.Entry{Term: 1, Commands: []fsm.Command{
		&fsm.Acquire{Name: "job", Holder: "w1", Session: benchSession, TTL: fsm.DefaultTTL, Limit: 1},
	}})
	l := m.Lease("job")
	return &fixedNode{
		reply:  fsm.Reply{Result: out.Results[0], ExpiresIn: fsm.DefaultTTL},
		answer: fsm.Answer{Revision: m.Revision(), Views: []*fsm.View{m.Show(l, fsm.MaxShown)}},
	}
}

const benchSession = "9f0c4d1e8b7a46538c2f1e0d9b8a7c6d"

// discardWriter is a ResponseWriter that discards the answer.
type discardWriter struct{ header http.Header }

func (n discardWriter) Header() http.Header       { return n.header }
func (discardWriter) Write(b []byte) (int, error) { return len(b), nil }
func (discardWriter) WriteHeader(int)             {}

// benchmark measures a request in the server, without a socket and without a state machine.
func benchmark(b *testing.B, method, path, body string) {
	node := newFixedNode()
	s := New(Config{Leases: node, Cluster: node})
	recorder := httptest.NewRecorder()
	s.handler.ServeHTTP(recorder, httptest.NewRequest(method, "http://127.0.0.1"+path, strings.NewReader(body)))
	if recorder.Code != http.StatusOK {
		b.Fatalf("%d: %s", recorder.Code, recorder.Body)
	}
	b.ReportAllocs()
	for b.Loop() {
		r, err := http.NewRequest(method, "http://127.0.0.1"+path, strings.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		s.handler.ServeHTTP(discardWriter{make(http.Header)}, r)
	}
}

func BenchmarkRenew(b *testing.B) {
	benchmark(b, http.MethodPost, "/v1/leases/job/renew", `{"session":"`+benchSession+`","token":1}`)
}

func BenchmarkRead(b *testing.B) { benchmark(b, http.MethodGet, "/v1/leases/job", "") }
