package api_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestNamesMayHaveSlashes: a name with slashes is one name, with its slashes sent plain or as %2F.
func TestNamesMayHaveSlashes(t *testing.T) {
	w := newWorld(t)
	for i, sent := range []string{"jobs/nightly/report", "jobs%2Fnightly%2freport", "jobs/nightly%2Freport"} {
		body := fmt.Sprintf(`{"holder":"w1","session":"session-%09d"}`, i)
		token := w.post("/v1/leases/"+sent+"/acquire", body).want(201).is("name", "jobs/nightly/report").text("token")
		at := "/v1/leases/" + sent
		w.get(at).want(200).is("name", "jobs/nightly/report", "state", "held", "token", token)
		w.get(at+"/check?token="+token).want(200).is("name", "jobs/nightly/report")
		w.get(at+"/history").want(200).is("name", "jobs/nightly/report", "events.0.token", token)
		w.get("/v1/watch?name=jobs/nightly/report").want(200).is("events.0.lease.token", token)
		w.post(at+"/renew", body).want(400, "invalid") // it has a holder
		w.post(at+"/renew", strings.Replace(body, `"holder":"w1",`, "", 1)).want(200)
		w.post(at+"/step-down", `{"token":`+token+`}`).want(202)
		w.post(at+"/transfer", strings.Replace(body, `"holder":"w1",`, `"to":"w2",`, 1)).want(409, "no-such-candidate")
		w.post(at+"/break", `{"token":`+token+`,"reason":"r","grace_ms":0}`).want(202)
		w.post(at+"/release", strings.Replace(body, `"holder":"w1",`, "", 1)).want(200)
	}
	w.post("/v1/acquire", `{"names":["a/b","a/c","a.d"],"holder":"w1","session":"`+sessionA+`"}`).want(201).is("leases.1.name", "a/c")
	if n := len(w.get("/v1/leases?prefix=a/").want(200).at("leases").([]any)); n != 2 {
		t.Errorf("the prefix a/ lists %d leases", n)
	}
	w.get("/v1/leases?prefix=a/&cursor=a/b").want(200).is("leases.0.name", "a/c", "leases.1", "")
	w.get("/v1/watch?prefix=a/").want(200).is("events.0.name", "a/b", "events.1.name", "a/c", "events.2", "")
}

// TestActionsTakePrecedenceOverNames: the last segment of a lease's path is an action if it has the name of one. With
// %2F before it, it is part of the lease's name.
func TestActionsTakePrecedenceOverNames(t *testing.T) {
	w := newWorld(t)
	for _, action := range []string{"acquire", "renew", "release", "transfer", "step-down", "break", "check", "history"} {
		w.post("/v1/leases/a%2F"+action+"/acquire", `{"holder":"w1"}`).want(201).is("name", "a/"+action)
		w.get("/v1/leases/a%2F"+action).want(200).is("name", "a/"+action)
		w.get("/v1/leases/a/"+action+"/history").want(200).is("name", "a/"+action)
		w.get("/v1/leases/"+action).want(200).is("name", action, "state", "free")
		w.post("/v1/leases/"+action, `{}`).want(405, "method-not-allowed")
		if post := action != "check" && action != "history"; post {
			a := w.get("/v1/leases/a/"+action).want(405, "method-not-allowed")
			if !strings.Contains(a.text("detail"), action+" is a POST") || !strings.Contains(a.text("detail"), "%2F") {
				t.Errorf("%s", a.body)
			}
		}
	}
	w.get("/v1/leases/a/%68istory").want(200).is("events", "[]") // %68 is h
	w.post("/v1/leases/a/history", `{}`).want(405, "method-not-allowed")
}

// TestNamesAreNotCleaned: an invalid name is refused, and never becomes the name of another lease.
func TestNamesAreNotCleaned(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{
		"a//b", "a/./b", "a/../b", "../a", "./a", "a/", "a%2F", "%2Fa", "a/..", "a/.", "..", ".", "a%2F%2Fb", "a%2F..%2Fb", "a%252Fb", "a/%2e%2e/b",
		"%2E", "a/-b", "a/.b", "/%2F", "a/b c", "a/%00",
	} {
		sent := strings.ReplaceAll(name, " ", "%20")
		w.get("/v1/leases/"+sent+"/history").want(400, "invalid").is("errors.0.field", "name")
		if !strings.HasPrefix(name, "/") {
			w.get("/v1/leases/"+sent).want(400, "invalid").is("errors.0.field", "name")
		}
		w.post("/v1/leases/"+sent+"/acquire", `{"holder":"w1"}`).want(400, "invalid").is("errors.0.field", "name")
	}
	if w.Here() != 0 {
		t.Error("a request with an invalid name changed something")
	}
}

func TestAWrongPathIsExplained(t *testing.T) {
	w := newWorld(t)
	for path, want := range map[string]string{
		"/v1/leases/":          "the name of the lease is missing",
		"/leases/job":          `did you mean "/v1/leases/job"?`,
		"/v1/watch/":           `did you mean "/v1/watch", without the slash at the end?`,
		"/V1/leases":           "lower case",
		"/v1/lease/job":        "did you mean /v1/leases?",
		"/v1/session/renew":    "did you mean /v1/sessions?",
		"/health":              "did you mean /healthz?",
		"/v1/locks/job":        `There is no path "/v1/locks/job".`,
		"/v1/x%E2%80%AEy":      "There is no",
		"/v1/cluster/snapshot": "/openapi.yaml",
	} {
		a := w.get(path).want(404, "not-found")
		if !strings.Contains(a.text("detail"), want) || !strings.HasPrefix(a.text("detail"), "Nothing changed. ") {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	w.post("/v1/leases//acquire", `{"holder":"w1"}`).want(400, "invalid").is("errors.0.field", "name", "errors.0.reason", "is required")
	for _, path := range []string{"/v1/leases/job", "/v1/leases/job/step-up", "/v1/leases/job/acquire/"} {
		if a := w.post(path, `{}`).want(405); !strings.Contains(a.text("detail"), "/v1/leases/NAME/acquire, renew, ") {
			t.Errorf("POST %s: %s", path, a.body)
		}
	}
}

// TestUnknownMembersGetSuggestion: a misspelt member, or one with a name that another service uses, gets a suggestion.
func TestUnknownMembersGetSuggestion(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ path, member, reason string }{
		{"/v1/leases/job/acquire", "ttl", didYouMean("ttl_ms")},
		{"/v1/leases/job/acquire", "wait", didYouMean("wait_ms")},
		{"/v1/leases/job/acquire", "timeout", didYouMean("wait_ms")},
		{"/v1/leases/job/acquire", "ttlMs", didYouMean("ttl_ms")},
		{"/v1/leases/job/acquire", "ttl_seconds", didYouMean("ttl_ms")},
		{"/v1/leases/job/acquire", "owner", didYouMean("holder")},
		{"/v1/leases/job/acquire", "prioirty", didYouMean("priority")},
		{"/v1/leases/job/acquire", "metadata", didYouMean("meta")},
		{"/v1/leases/job/acquire", "name", "is unknown: the name of the lease is in the path"},
		{"/v1/leases/job/acquire", "key", "is unknown: the name of the lease is in the path"},
		{"/v1/leases/job/acquire", "colour", "is unknown"},
		{"/v1/leases/job/release", "delay", didYouMean("delay_ms")},
		{"/v1/leases/job/renew", "fencing_token", didYouMean("token")},
		{"/v1/leases/job/break", "message", didYouMean("reason")},
		{"/v1/leases/job/step-down", "deadline", didYouMean("within_ms")},
		{"/v1/acquire", "name", didYouMean("names")},
		{"/v1/acquire", "keys", didYouMean("names")},
		{"/v1/sessions/renew", "session_id", didYouMean("session")},
		{"/v1/cluster/remove", "name", didYouMean("id")},
	} {
		a := w.post(c.path, with(valid[c.path], "", "")[:1]+`"`+c.member+`":"10s",`+with(valid[c.path], "", "")[1:]).want(400, "invalid")
		a.is("errors.0.field", c.member, "errors.0.reason", c.reason)
	}
	w.post("/v1/leases/job/acquire", `{"holder":"w1","ttl":"10s"}`).want(400, "invalid").
		is("detail", "Nothing changed. ttl is unknown: did you mean ttl_ms, in milliseconds?")
	w.post("/v1/sessions/renew", `{"session":"`+sessionA+`","leases":[{"lease":"a","token":1}]}`).want(400, "invalid").
		is("errors.0.field", "leases[0].lease", "errors.0.reason", didYouMean("name"), "errors.1.field", "leases[0].name", "errors.1.reason", "is required")
	w.get("/v1/watch?wait=5").want(400, "invalid").is("errors.0.reason", didYouMean("wait_ms"))
	w.get("/v1/leases/job/check").want(400, "invalid").is("errors.0.field", "token", "errors.0.reason", "is required")
}

// TestMembersMatchContract: a handler has the same members and required members as the contract.
func TestMembersMatchContract(t *testing.T) {
	w := newWorld(t)
	paths := contract(t).doc.Paths
	for path, item := range paths.Map() {
		if item.Post == nil {
			continue
		}
		schema := item.Post.RequestBody.Value.Content.Get("application/json").Schema.Value
		at := strings.Replace(path, "{name}", "job", 1)
		var missing []string
		if len(schema.Required) > 0 {
			for _, e := range w.post(at, `{}`, "Authorization", w.admin()).want(400, "invalid").at("errors").([]any) {
				e := e.(map[string]any)
				if e["reason"] == "is required" {
					missing = append(missing, e["field"].(string))
				}
			}
		}
		if fmt.Sprint(missing) != fmt.Sprint(schema.Required) {
			t.Errorf("%s requires %v, and the contract %v", path, missing, schema.Required)
		}
		for name := range schema.Properties {
			cased := strings.ToUpper(name) // another spelling: it gets a suggestion if the handler has the member
			found := false
			for _, e := range w.post(at, `{"`+cased+`":null}`, "Authorization", w.admin()).want(400, "invalid").at("errors").([]any) {
				e := e.(map[string]any)
				found = found || e["field"] == cased && e["reason"] == didYouMean(name)
			}
			if !found {
				t.Errorf("%s does not suggest %s", path, name)
			}
		}
	}
}
