package api_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/lockd/lockd/internal/api"
	"github.com/lockd/lockd/internal/fsm"
)

// valid has a valid body for each route.
var valid = map[string]map[string]any{
	"/v1/leases/job/acquire":      {"holder": "w1", "session": sessionA, "ttl_ms": 15000, "wait_ms": 0, "delay_ms": 0, "limit": 1, "priority": 0, "reclaim": false, "meta": map[string]any{}},
	"/v1/acquire":                 {"names": []any{"job", "other"}, "holder": "w1", "session": sessionA, "ttl_ms": 15000, "meta": map[string]any{}},
	"/v1/leases/job/step-down":    {"token": 1, "to": "w2", "within_ms": 30000},
	"/v1/leases/job/renew":        {"session": sessionA, "token": 1, "ttl_ms": 15000, "meta": map[string]any{}},
	"/v1/leases/job/release":      {"session": sessionA, "token": 1, "delay_ms": 0},
	"/v1/leases/job/transfer":     {"session": sessionA, "token": 1, "to": "w2"},
	"/v1/leases/job/break":        {"token": 1, "reason": "r", "grace_ms": 0},
	"/v1/sessions/renew":          {"session": sessionA, "leases": []any{map[string]any{"name": "job", "token": 1}}},
	"/v1/sessions/release":        {"session": sessionA, "leases": []any{map[string]any{"name": "job", "token": 1}}},
	"/v1/cluster/remove":          {"id": "n2"},
	"/v1/cluster/transfer-leader": {"to": "n2"},
}

// wrongValues returns values that are invalid for a member that has a value like right.
func wrongValues(right any) []string {
	wrong := []string{`null`, `true`, `[1]`, `1.5`, `1e3`, `-1`, `99999999999999999999`, `9007199254740992`}
	if _, isText := right.(string); isText {
		return append(wrong, `1`, `""`, `"`+strings.Repeat("a", 600)+`"`, `"\u0000aaaaaaaaaaaaaaaa"`, `"\ud800aaaaaaaaaaaaaaaa"`, `{}`)
	}
	if _, isObject := right.(map[string]any); isObject {
		return append(wrong, `1`, `""`, `{"a":1,"a":2}`, `{"a":"\udc00"}`, `{"a":"`+strings.Repeat("a", fsm.MaxMetaBytes)+`"}`,
			strings.Repeat(`{"a":`, 8)+`1`+strings.Repeat(`}`, 8))
	}
	if _, isList := right.([]any); isList {
		return append(wrong, `1`, `[]`, `{}`, `[{}]`, `[{"name":"a"}]`, `[{"name":"a","token":1,"x":2}]`, `[{"name":"-","token":1}]`,
			`[{"name":"a","token":0}]`, `[{"name":"a","name":"b","token":1}]`)
	}
	if _, isBool := right.(bool); isBool {
		return append(slices.DeleteFunc(wrong, func(s string) bool { return s == `true` }), `1`, `"true"`, `{}`)
	}
	return append(wrong, `"1"`, `{}`, `01e1`)
}

func TestEveryMemberOfEveryBody(t *testing.T) {
	w := newWorld(t)
	for path, members := range valid {
		for name, right := range members {
			for _, wrong := range wrongValues(right) {
				if wrong == `01e1` || name == "priority" && wrong == `-1` {
					continue // 01e1 is not JSON, and -1 is a valid priority
				}
				a := w.post(path, with(members, name, wrong)).want(400, "invalid")
				if field := a.text("errors", 0, "field"); !strings.HasPrefix(field, name) && field != "body" {
					t.Errorf("%s %s=%s: the field of the error is %q", path, name, wrong, field)
				}
			}
			twice := strings.TrimSuffix(with(members, "", ""), "}") + `,"` + name + `":` + text(right) + `}`
			w.post(path, twice).want(400, "invalid").is("errors.0.field", name, "errors.0.reason", "must not appear twice")
			cased := strings.Replace(with(members, "", ""), `"`+name+`"`, `"`+strings.ToUpper(name)+`"`, 1)
			w.post(path, cased).want(400, "invalid").is("errors.0.field", strings.ToUpper(name), "errors.0.reason", didYouMean(name))
		}
		for _, body := range []string{`{`, `[]`, `"x"`, `null`, `1`, `{} {}`, with(members, "", "") + `x`, with(members, "", "") + with(members, "", ""),
			"{\"a\":\"\xff\"}", `{"a":1,}`, strings.Repeat(`[`, 20_000), `{'a':1}`} {
			w.post(path, body).want(400, "invalid").is("errors.0.field", "body")
		}
		unknown := strings.TrimSuffix(with(members, "", ""), "}") + `,"owner":0}`
		w.post(path, unknown).want(400, "invalid").is("errors.0.field", "owner")
		w.post(path+"?x=1", with(members, "", "")).want(400, "invalid").is("errors.0.field", "x")
		if !strings.HasSuffix(path, "transfer-leader") {
			w.post(path, "").want(400, "invalid").is("errors.0.field", "body")
		}
		for _, name := range []string{"holder", "session", "token", "reason", "to", "id", "name", "peer", "http", "names"} {
			if required(path, name) {
				rest := make(map[string]any)
				for k, v := range members {
					if k != name {
						rest[k] = v
					}
				}
				w.post(path, with(rest, "", "")).want(400, "invalid").is("errors.0.field", name, "errors.0.reason", "is required", "detail", "Nothing changed. "+name+" is required.")
			}
		}
	}
	if w.Here() != 0 {
		t.Error("a request that was refused changed something")
	}
}

// didYouMean returns the reason for an unknown member that is another spelling of name.
func didYouMean(name string) string {
	if strings.HasSuffix(name, "_ms") {
		name += ", in milliseconds"
	}
	return "is unknown: did you mean " + name + "?"
}

// Here returns the revision of the state machine.
func (n *node) Here() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.machine.Revision()
}

func required(path, member string) bool {
	_, has := valid[path][member]
	switch path[strings.LastIndex(path, "/")+1:] {
	case "acquire":
		return has && (member == "holder" || member == "names")
	case "break":
		return member == "token" || member == "reason"
	case "step-down":
		return member == "token"
	case "transfer-leader":
		return false
	}
	return has && member != "token"
}

// with returns an object with one member's value replaced.
func with(members map[string]any, name, value string) string {
	b := []string{}
	for k, v := range members {
		s := text(v)
		if k == name {
			s = value
		}
		b = append(b, fmt.Sprintf("%q:%s", k, s))
	}
	return "{" + strings.Join(b, ",") + "}"
}

func text(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

func TestSeveralFieldErrorsAreReportedAtOnce(t *testing.T) {
	w := newWorld(t)
	w.post("/v1/leases/job/acquire", `{"holder":7,"ttl_ms":1,"wait_ms":60001,"nope":{"a":[1,{}]},"limit":"x"}`).want(400, "invalid").
		is("errors.0.field", "holder", "errors.0.reason", "must be a string", "errors.1.reason", "must be from 1000 to 86400000",
			"errors.2.reason", "must be from 0 to 60000", "errors.3.reason", "is unknown", "errors.4.reason", "must be an integer",
			"detail", "Nothing changed. holder must be a string.")
}

func TestFieldErrorsAreBounded(t *testing.T) {
	w := newWorld(t)
	var b strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&b, `"m%d":0,`, i)
	}
	a := w.post("/v1/leases/job/acquire", `{`+b.String()+`"holder":"w"}`).want(400, "invalid")
	if n := len(a.at("errors").([]any)); n != 16 {
		t.Errorf("%d field errors", n)
	}
	refs := strings.TrimSuffix(strings.Repeat(`{"name":"-","token":1},`, 40), ",")
	a = w.post("/v1/sessions/release", `{"session":"`+sessionA+`","leases":[`+refs+`]}`).want(400, "invalid")
	if n := len(a.at("errors").([]any)); n != 16 {
		t.Errorf("%d field errors", n)
	}
}

func TestQueriesAreStrict(t *testing.T) {
	w := newWorld(t)
	for query, field := range map[string]string{
		"/v1/leases?nope=1":                           "nope",
		"/v1/leases?limit=1&limit=2":                  "limit",
		"/v1/leases?limit=0":                          "limit",
		"/v1/leases?limit=1001":                       "limit",
		"/v1/leases?limit=":                           "limit",
		"/v1/leases?limit=-1":                         "limit",
		"/v1/leases?limit=1.5":                        "limit",
		"/v1/leases?limit=99999999999999999999":       "limit",
		"/v1/leases?prefix=%20":                       "prefix",
		"/v1/leases?cursor=%2F":                       "cursor",
		"/v1/leases?stale=yes":                        "stale",
		"/v1/leases?stale":                            "stale",
		"/v1/leases?holder=" + longText(201):          "holder",
		"/v1/leases?holder=%FF":                       "holder",
		"/v1/leases?holder=%00":                       "holder",
		"/v1/leases?holder=a%0Ab":                     "holder",
		"/v1/leases?prefix=%zz":                       "query",
		"/v1/leases?a;b":                              "query",
		"/v1/leases?" + strings.Repeat("a=1&", 20):    "query",
		"/v1/leases/job?token=1":                      "token",
		"/v1/leases/job/check":                        "token",
		"/v1/leases/job/check?token=":                 "token",
		"/v1/leases/job/check?token=0":                "token",
		"/v1/leases/job/check?token=x":                "token",
		"/v1/leases/job/check?token=1&stale=true":     "stale",
		"/v1/leases/job/check?token=9007199254740992": "token",
		"/v1/leases/job/history?limit=1":              "limit",
		"/v1/watch?name=%2F":                          "name",
		"/v1/watch?prefix=%2F":                        "prefix",
		"/v1/watch?after=-1":                          "after",
		"/v1/watch?after=":                            "after",
		"/v1/watch?wait_ms=60001":                     "wait_ms",
		"/v1/watch?follow=1":                          "follow",
		"/v1/cluster?x=1":                             "x",
		"/healthz?x=1":                                "x",
		"/readyz?x=1":                                 "x",
		"/openapi.yaml?x=1":                           "x",
		"/metrics?x=1":                                "x",
		"/problems/held?x=1":                          "x",
	} {
		w.get(query).want(400, "invalid").is("errors.0.field", field)
	}
	w.get("/v1/watch", "Last-Event-ID", "").want(400, "invalid").is("errors.0.field", "Last-Event-ID")
	w.get("/v1/watch", "Last-Event-ID", "x").want(400, "invalid").is("errors.0.field", "Last-Event-ID")
}

func longText(n int) string { return url.QueryEscape(strings.Repeat("a", n)) }

func TestBodiesAreBounded(t *testing.T) {
	w := newWorld(t)
	refs := strings.TrimSuffix(strings.Repeat(`{"name":"`+strings.Repeat("n", fsm.MaxNameBytes)+`","token":9007199254740991},`, api.MaxRefs), ",")
	w.post("/v1/sessions/release", `{"session":"`+strings.Repeat("s", fsm.MaxSessionBytes)+`","leases":[`+refs+`]}`).want(200)
	w.post("/v1/sessions/release", `{"session":"`+sessionA+`","leases":[`+strings.Repeat(`{"name":"n","token":1},`, api.MaxRefs)+
		`{"name":"n","token":1}]}`).want(400, "invalid").is("errors.0.field", "leases", "errors.0.reason", "must have from 1 to 256 elements")
	large := `{"holder":"` + strings.Repeat("a", 64<<10) + `"}`
	for path := range valid {
		w.post(path, large).want(413, "too-large")
	}
	status, body := raw(t, w, "POST /v1/leases/job/acquire HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"+
		fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(large), large))
	if status != 413 || !strings.Contains(body, "too-large") {
		t.Errorf("chunked: %d %s", status, body)
	}
	w.post("/v1/leases/job/acquire", `{"holder":"w1"`+strings.Repeat(" ", 64<<10-15)+`}`).want(201)
}
