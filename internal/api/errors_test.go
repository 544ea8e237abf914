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
	"github.com/lockd/lockd/internal/api/problems"
	"github.com/lockd/lockd/internal/fsm"
)

func TestEveryRefusalCodeHasAProblem(t *testing.T) {
	for _, code := range fsm.Codes() {
		if code == fsm.CodeOutdated || code == fsm.CodeAccessRefused || code == fsm.CodeObjectRefused {
			continue // only nodes send the first to each other; kindOfOutcome has the second, package kube the third
		}
		k, refused := problems.Refusals[code]
		if refused == code.OK() {
			t.Errorf("%v: success is %v, and refusal is %v", code, code.OK(), refused)
		}
		if refused && code != fsm.CodeQueued && string(k) != code.String() {
			t.Errorf("%v has the problem type %s", code, k)
		}
		if _, ok := problems.Find(k); refused && !ok {
			t.Errorf("%v has no row", code)
		}
	}
}

func TestProblemsAreInTheContract(t *testing.T) {
	for _, r := range problems.All {
		if n := strings.Count(lockd.OpenAPI, "/problems/"+string(r.Kind)); n == 0 {
			t.Errorf("openapi.yaml does not have %s", r.Kind)
		}
		if r.Lost && r.Unknown {
			t.Errorf("%s cannot be both lost and unknown", r.Kind)
		}
		if r.Lost && r.Status != 409 || r.Unknown != (r.Status == 504 || r.Status == 500) {
			t.Errorf("%s: status %d is inconsistent with lost %v, unknown %v", r.Kind, r.Status, r.Lost, r.Unknown)
		}
		if r.Title == "" || r.Detail == "" {
			t.Errorf("%s has no title or no detail", r.Kind)
		}
	}
}

// TestExamplesMatchProblemTable compares the examples of problems in openapi.yaml with the table.
func TestExamplesMatchProblemTable(t *testing.T) {
	var doc any
	if err := yaml.Unmarshal([]byte(lockd.OpenAPI), &doc); err != nil {
		t.Fatal(err)
	}
	own := []problems.Kind{problems.Held, problems.Invalid, problems.Refused, problems.UnknownHost} // the detail of these depends on the request
	seen := 0
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			if name, isText := v["type"].(string); isText && strings.HasPrefix(name, problems.Path) {
				seen++
				r, _ := problems.Find(problems.Kind(strings.TrimPrefix(name, problems.Path)))
				lost, _ := v["lost"].(bool)
				if v["title"] != r.Title || v["status"] != r.Status || v["definitive"] == r.Unknown || lost != r.Lost ||
					v["detail"] != r.Detail && !slices.Contains(own, r.Kind) {
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
		kind, read problems.Kind
	}{
		{fsm.ErrNoLeader, problems.NoLeader, problems.NoLeader},
		{fsm.ErrNotReady, problems.NotReady, problems.NotReady},
		{fmt.Errorf("queue: %w", fsm.ErrOverloaded), problems.Overloaded, problems.Overloaded},
		{fsm.ErrUnknown, problems.OutcomeUnknown, problems.NotReady},
		{errors.New("anything"), problems.OutcomeUnknown, problems.NotReady},
	} {
		if got := problems.Of(c.err); got != c.kind {
			t.Errorf("%v: %s, want %s", c.err, got, c.kind)
		}
		if got := problems.OfRead(c.err); got != c.read {
			t.Errorf("%v in a read: %s, want %s", c.err, got, c.read)
		}
	}
}

// TestReadErrorsDoNotMentionSession: a read has no session to repeat it with.
func TestReadErrorsDoNotMentionSession(t *testing.T) {
	for _, k := range []problems.Kind{problems.NoLeader, problems.NotReady, problems.Overloaded} {
		read, write := &call{r: httptest.NewRequest(http.MethodGet, "/", nil)}, &call{r: httptest.NewRequest(http.MethodPost, "/", nil)}
		if got := read.problem(k).Detail; strings.Contains(got, "session") {
			t.Errorf("%s of a read: %s", k, got)
		}
		if got := write.problem(k).Detail; !strings.Contains(got, "session") {
			t.Errorf("%s of a write: %s", k, got)
		}
	}
}
