package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lockd/lockd/internal/access"
)

// leaseNames are names that are prefixes of each other, with and without a separator.
var leaseNames = []string{"app", "app.a", "app.b", "apple", "app-x", "billing", "billing.", "billing.x", "billing.x.y", "z"}

// TestCallerLearnsNamesWithinItsRulesOnly checks, for random rules, every name in every answer.
func TestCallerLearnsNamesWithinItsRulesOnly(t *testing.T) {
	names := slices.DeleteFunc(slices.Clone(leaseNames), func(s string) bool { return strings.HasSuffix(s, ".") })
	rule := rapid.Custom(func(t *rapid.T) string {
		right := rapid.SampledFrom([]string{"read", "acquire", "operate"}).Draw(t, "right")
		return right + ":" + rapid.SampledFrom([]string{"app", "app.", "app-", "apple", "billing", "billing.", "billing.x", "billing.x.", "z", "none"}).Draw(t, "scope")
	})
	for seed := range 25 {
		w := newWorld(t)
		w.admin()
		for i, name := range names {
			w.post("/v1/leases/"+name+"/acquire", fmt.Sprintf(`{"holder":"w%d","session":"%032d"}`, i, i)).want(201)
			w.post("/v1/leases/"+name+"/acquire", fmt.Sprintf(`{"holder":"v%d","session":"%032d","wait_ms":0}`, i, 100+i)).want(409)
		}
		text := rapid.SliceOfN(rule, 0, 4).Example(seed)
		if len(text) == 0 {
			text = []string{"metrics"}
		}
		credential := w.token(w, "caller", text...)
		rules, err := access.ParseRules(text)
		if err != nil {
			t.Fatal(err)
		}
		w.change(w, access.Change{Kind: access.SetMode, Mode: access.On})
		ask := func(method, path, body string) *answer {
			return w.send(method, path, body, "Authorization", credential)
		}
		visible := func(name string) bool { return rules.Allow(access.Read, name) }

		var listed []string
		for next := ""; ; {
			a := ask(http.MethodGet, "/v1/leases?limit=2&cursor="+next, "")
			if a.status == http.StatusForbidden {
				break
			}
			onlyVisible(t, a.want(200), visible)
			for _, l := range a.at("leases").([]any) {
				listed = append(listed, l.(map[string]any)["name"].(string))
			}
			if next = a.text("next"); next == "" {
				break
			}
		}
		want := slices.Sorted(slices.Values(slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !visible(name) })))
		if !slices.Equal(listed, want) {
			t.Errorf("rules %v: the list has %v, want %v", text, listed, want)
		}
		prefix := rapid.SampledFrom([]string{"", "app", "app.", "b", "billing.x", "z", "y"}).Example(seed)
		name := rapid.SampledFrom(names).Example(seed)
		other := rapid.SampledFrom(names).Example(seed + 1_000)
		for _, a := range []*answer{
			ask(http.MethodGet, "/v1/leases?prefix="+prefix, ""),
			ask(http.MethodGet, "/v1/leases?stale=true&holder=w3&prefix="+prefix, ""),
			ask(http.MethodGet, "/v1/watch?after=0&wait_ms=0&prefix="+prefix, ""),
			ask(http.MethodGet, "/v1/watch?wait_ms=0&prefix="+prefix, ""),
			ask(http.MethodGet, "/v1/watch?after=0&wait_ms=0&name="+name, ""),
			ask(http.MethodGet, "/v1/leases/"+name, ""),
			ask(http.MethodGet, "/v1/leases/"+name+"/history", ""),
			ask(http.MethodGet, "/v1/leases/"+name+"/check?token=1", ""),
			ask(http.MethodPost, "/v1/acquire", `{"names":["`+strings.Join(slices.Compact(slices.Sorted(slices.Values([]string{name, other}))), `","`)+`"],"holder":"h"}`),
			ask(http.MethodPost, "/v1/leases/"+name+"/acquire", `{"holder":"h"}`),
			ask(http.MethodPost, "/v1/leases/"+name+"/renew", fmt.Sprintf(`{"session":"%032d"}`, 100)),
			ask(http.MethodPost, "/v1/sessions/renew", fmt.Sprintf(`{"session":"%032d"}`, slices.Index(names, other))),
			ask(http.MethodPost, "/v1/leases/"+name+"/break", `{"token":1,"reason":"r"}`),
		} {
			onlyVisible(t, a, visible)
		}
		for _, l := range names {
			if a := ask(http.MethodGet, "/v1/leases/"+l, ""); (a.status == 200) != visible(l) {
				t.Errorf("rules %v: %s is answered with %d", text, l, a.status)
			}
		}
		// What exists and what does not is refused by the same answer.
		hidden := ask(http.MethodGet, "/v1/leases/q-that-is-free", "")
		for _, l := range names {
			if a := ask(http.MethodGet, "/v1/leases/"+l, ""); !visible(l) && withoutID(a.body) != withoutID(hidden.body) {
				t.Errorf("rules %v: %s and a free lease differ: %s and %s", text, l, a.body, hidden.body)
			}
		}
		_ = w.stop()
	}
}

// onlyVisible checks the names in an answer, wherever they are.
func onlyVisible(t *testing.T, a *answer, visible func(string) bool) {
	t.Helper()
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, member := range v {
				if name, ok := member.(string); ok && key == "name" && !visible(name) {
					t.Errorf("the answer has %s: %d %s", name, a.status, a.body)
				}
				walk(member)
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		}
	}
	var body any
	if json.Unmarshal(a.body, &body) == nil {
		walk(body)
	}
	if next := a.at("next"); next != nil && !visible(next.(string)) {
		t.Errorf("the cursor is %v", next)
	}
	for _, name := range leaseNames {
		if strings.Contains(a.text("detail"), name+" (") && !visible(name) {
			t.Errorf("the detail has %s: %s", name, a.body)
		}
	}
}

func withoutID(body []byte) string {
	before, _, _ := strings.Cut(string(body), `"request_id"`)
	return before
}
