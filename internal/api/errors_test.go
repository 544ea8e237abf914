package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/lockd/lockd"
	"github.com/lockd/lockd/internal/fsm"
)

func TestEveryRefusalCodeHasAProblem(t *testing.T) {
	for _, code := range fsm.Codes() {
		if code == fsm.CodeOutdated || code == fsm.CodeAccessRefused || code == fsm.CodeObjectRefused {
			continue // only nodes send the first to each other; kindOfOutcome has the second, package kube the third
		}
		k, refused := refusals[code]
		if refused == code.OK() {
			t.Errorf("%v: success is %v, and refusal is %v", code, code.OK(), refused)
		}
		if refused && code != fsm.CodeQueued && string(k) != code.String() {
			t.Errorf("%v has the problem type %s", code, k)
		}
		if _, ok := rowOf(k); refused && !ok {
			t.Errorf("%v has no row", code)
		}
	}
}

func TestProblemsAreInTheContract(t *testing.T) {
	for _, r := range problems {
		if n := strings.Count(lockd.OpenAPI, "/problems/"+string(r.kind)); n == 0 {
			t.Errorf("openapi.yaml does not have %s", r.kind)
		}
		if r.lost && r.unknown {
			t.Errorf("%s cannot be both lost and unknown", r.kind)
		}
		if r.lost && r.status != 409 || r.unknown != (r.status == 504 || r.status == 500) {
			t.Errorf("%s: status %d is inconsistent with lost %v, unknown %v", r.kind, r.status, r.lost, r.unknown)
		}
		if r.title == "" || r.detail == "" {
			t.Errorf("%s has no title or no detail", r.kind)
		}
	}
}

// TestExamplesMatchProblemTable compares the examples of problems in openapi.yaml with the table.
func TestExamplesMatchProblemTable(t *testing.T) {
	var doc any
	if err := yaml.Unmarshal([]byte(lockd.OpenAPI), &doc); err != nil {
		t.Fatal(err)
	}
	own := []kind{kindHeld, kindInvalid, kindRefused, kindUnknownHost} // the detail of these depends on the request
	seen := 0
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			if name, isText := v["type"].(string); isText && strings.HasPrefix(name, problemPath) {
				seen++
				r, _ := rowOf(kind(strings.TrimPrefix(name, problemPath)))
				lost, _ := v["lost"].(bool)
				if v["title"] != r.title || v["status"] != r.status || v["definitive"] == r.unknown || lost != r.lost ||
					v["detail"] != r.detail && !slices.Contains(own, r.kind) {
					t.Errorf("openapi.yaml has an example of %s that differs from the table: %v", name, v)
				}
			}
			for _, e := range v {
				walk(e)
			}
		}
	}
	walk(doc)
	if seen < 15 {
		t.Errorf("only %d examples were found", seen)
	}
}

func TestNodeErrorsMapToProblems(t *testing.T) {
	for _, c := range []struct {
		err        error
		kind, read kind
	}{
		{fsm.ErrNoLeader, kindNoLeader, kindNoLeader},
		{fsm.ErrNotReady, kindNotReady, kindNotReady},
		{fmt.Errorf("queue: %w", fsm.ErrOverloaded), kindOverloaded, kindOverloaded},
		{fsm.ErrUnknown, kindOutcomeUnknown, kindNotReady},
		{errors.New("anything"), kindOutcomeUnknown, kindNotReady},
	} {
		if got := kindOf(c.err); got != c.kind {
			t.Errorf("%v: %s, want %s", c.err, got, c.kind)
		}
		if got := kindOfRead(c.err); got != c.read {
			t.Errorf("%v in a read: %s, want %s", c.err, got, c.read)
		}
	}
}

// TestReadErrorsDoNotMentionSession: a read has no session to repeat it with.
func TestReadErrorsDoNotMentionSession(t *testing.T) {
	for _, k := range []kind{kindNoLeader, kindNotReady, kindOverloaded} {
		read, write := &call{r: httptest.NewRequest(http.MethodGet, "/", nil)}, &call{r: httptest.NewRequest(http.MethodPost, "/", nil)}
		if got := read.problem(k).Detail; strings.Contains(got, "session") {
			t.Errorf("%s of a read: %s", k, got)
		}
		if got := write.problem(k).Detail; !strings.Contains(got, "session") {
			t.Errorf("%s of a write: %s", k, got)
		}
	}
}
