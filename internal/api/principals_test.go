package api_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/lockd/lockd/internal/access"
)

// A token is created for a principal that another administrator creates at the same moment.
func TestCreationOfATokenChangesNoPrincipal(t *testing.T) {
	w := newWorld(t)
	ops := w.admin()
	narrow := access.Principal{Name: "app", Rules: access.Rules{{Right: access.Read, Scope: "app."}}}
	create := func(rule string) *answer {
		first := true
		w.set(func(n *node) {
			n.onCommand = func(context.Context) {
				if first {
					first = false
					w.change(w, access.Change{Kind: access.SetPrincipal, Principal: narrow})
				}
			}
		})
		return w.post("/v1/tokens", `{"principal":"app","rules":["`+rule+`"]}`, "Authorization", ops)
	}
	create("admin").want(403, "not-allowed")
	if rules := w.machine.Access().Principal("app").Rules; len(rules) != 1 || rules[0] != narrow.Rules[0] {
		t.Errorf("app has %v", rules)
	}
	w.change(w, access.Change{Kind: access.DeletePrincipal, Principal: access.Principal{Name: "app"}})
	create("read:app.x").want(201).is("rules.0", "read:app.x")
	if rules := w.machine.Access().Principal("app").Rules; len(rules) != 1 || rules[0] != narrow.Rules[0] {
		t.Errorf("app has %v", rules)
	}
}

func TestPrincipalIsSetAtItsRevision(t *testing.T) {
	w := newWorld(t)
	ops := w.admin()
	put := func(body string) *answer {
		return w.send(http.MethodPut, "/v1/principals/app", body, "Authorization", ops)
	}
	put(`{"rules":["read:a"],"revision":9}`).want(409, "refused")
	first := put(`{"rules":["read:a"],"revision":0}`).want(200).text("revision")
	put(`{"rules":["read:b"],"revision":0}`).want(409, "refused")
	second := put(`{"rules":["read:b"],"revision":` + first + `}`).want(200).text("revision")
	put(`{"rules":["read:a"],"revision":`+first+`}`).want(409, "refused") // a late copy
	w.change(w, access.Change{Kind: access.SetPrincipal, Principal: access.Principal{Name: "other", Rules: access.Rules{{Right: access.Admin}}}})
	if again := put(`{"rules":["read:b"],"revision":` + first + `}`).want(200).text("revision"); again != second {
		t.Errorf("a repeat answers revision %s, want %s", again, second)
	}
	put(`{"rules":["read:a"]}`).want(200)
	put(`{"rules":["read:a"],"revision":-1}`).want(400, "invalid")
}

func TestAuthenticationIsNotEnabledWithoutACredentialOfAnAdministrator(t *testing.T) {
	w := newWorld(t)
	w.change(w, access.Change{Kind: access.SetPrincipal, Principal: access.Principal{Name: "ops", Rules: access.Rules{{Right: access.Admin}}}})
	post := func(mode string) int {
		answer := httptest.NewRecorder()
		w.server.Socket().ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "http://localhost/v1/auth", strings.NewReader(`{"mode":"`+mode+`"}`)))
		return answer.Code
	}
	if status := post("on"); status != 409 {
		t.Errorf("enabled without a token: %d", status)
	}
	if status := post("permissive"); status != 200 {
		t.Errorf("permissive: %d", status)
	}
	w.admin()
	if status := post("on"); status != 200 {
		t.Errorf("enabled with a token: %d", status)
	}
}
