package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestFailureIsAProblemInJSON checks the document that -o json prints for each kind of failure.
func TestFailureIsAProblemInJSON(t *testing.T) {
	const held = "POST /v1/leases/job/acquire"
	n := newNode(t, map[string]answer{
		held:                             {409, problem(409, "held", `,"session":"`+session+`","retry_after_ms":500,"lease":`+heldNow)},
		"POST /v1/leases/bad/acquire":    {400, problem(400, "invalid", `,"errors":[{"field":"ttl_ms","reason":"is wrong"}]`)},
		"POST /v1/leases/job/renew":      {409, problem(409, "not-holder", `,"lost":true`)},
		"POST /v1/leases/lost/transfer":  {504, problem(504, "outcome-unknown", "")},
		"GET /v1/leases":                 {403, problem(403, "not-allowed", "")},
		"GET /v1/cluster":                {body: `{"node":{"name":"n1"},"nodes":[{"id":"n1","name":"n1","voter":true}]}`},
		"POST /v1/leases/leader/acquire": {503, problem(503, "no-leader", "")},
	})
	for line, want := range map[string]struct {
		code    int
		members string // of the document
	}{
		"acquire job":                               {exitNotAcquired, `{"type":"/problems/held","title":"It is held","status":409,"definitive":true,"retry_after_ms":500}`},
		"acquire bad":                               {exitUsage, `{"type":"/problems/invalid","errors":[{"field":"--ttl","reason":"is wrong"}]}`},
		"renew job --session " + session:            {exitLost, `{"type":"/problems/not-holder","lost":true}`},
		"transfer lost --to x --session " + session: {exitUnreachable, `{"type":"/problems/outcome-unknown","definitive":false}`},
		"acquire leader --timeout 200ms":            {exitUnreachable, `{"type":"/problems/no-leader","definitive":true}`},
		"ls":                                        {exitFailed, `{"type":"/problems/not-allowed","status":403}`},
		"get job --what":                            {exitUsage, `{"title":"Invalid command line","detail":"unknown flag: --what"}`},
		"watch a --prefix b":                        {exitUsage, `{"title":"Invalid command line","detail":"pass a name or a prefix, not both"}`},
		"get job --addr 127.0.0.1:1":                {exitUnreachable, `{"title":"No answer from the cluster"}`},
		"break job --token 7 --reason because":      {exitUsage, `{"title":"Invalid command line"}`},
	} {
		args := append(strings.Fields(line), "-o", "json")
		if !strings.Contains(line, "--addr") {
			args = append(args, "--addr", n.URL)
		}
		r := command("", args...)
		var got map[string]json.RawMessage
		if err := json.Unmarshal([]byte(r.out), &got); err != nil || r.code != want.code || r.errOut == "" {
			t.Errorf("%s: exit %d, %v: %q %q", line, r.code, err, r.out, r.errOut)
			continue
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal([]byte(want.members), &members); err != nil {
			t.Fatal(err)
		}
		members["exit_code"], _ = json.Marshal(want.code)
		for name, value := range members {
			if compact(got[name]) != string(value) {
				t.Errorf("%s: %s is %s, want %s", line, name, got[name], value)
			}
		}
		if strings.Contains(r.out, session) || got["detail"] == nil || line == "acquire job" && got["lease"] == nil {
			t.Errorf("%s: printed %s", line, r.out)
		}
	}
	// The answer of the command has what failed: there is no second document.
	if r := n.command("cluster", "status", "-o", "json"); r.code != exitUnreachable || !json.Valid([]byte(r.out)) {
		t.Errorf("cluster status: exit %d: %s", r.code, r.out)
	}
	if r := n.command("acquire", "job"); r.out != "" {
		t.Errorf("a table: %s", r.out)
	}
}

func compact(raw json.RawMessage) string {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return string(raw)
	}
	text, _ := json.Marshal(v)
	return string(text)
}
