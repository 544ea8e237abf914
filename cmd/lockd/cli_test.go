package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"
)

// attempt is the random member of each acquire.
var attempt = regexp.MustCompile(`,"attempt":"[0-9a-f]{16}"`)

// node is a fake node: it responds by "METHOD path" and records the requests.
type node struct {
	*httptest.Server
	answers  map[string]answer
	requests []string

	authorization string // the header of the last request
}

type answer struct {
	status int
	body   string
}

func newNode(t *testing.T, answers map[string]answer) *node {
	n := &node{answers: answers}
	n.Server = httptest.NewServer(n)
	t.Cleanup(n.Close)
	return n
}

func (n *node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	n.authorization = r.Header.Get("Authorization")
	n.requests = append(n.requests, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+attempt.ReplaceAllString(string(body), "")))
	a, ok := n.answers[r.Method+" "+r.URL.Path]
	if !ok {
		a = answer{404, problem(404, "not-found", "")}
	}
	if a.status == 0 {
		a.status = 200
	}
	w.WriteHeader(a.status)
	fmt.Fprint(w, a.body)
}

func problem(status int, kind, more string) string {
	return fmt.Sprintf(`{"type":"/problems/%s","title":"It is %s","status":%d,"definitive":%t%s}`,
		kind, kind, status, status != 504, more)
}

type result struct {
	code        int
	out, errOut string
}

// command runs one command line against the node.
func (n *node) command(args ...string) result {
	return command("", append(args, "--addr", n.URL)...)
}

func command(in string, args ...string) result {
	var out, errOut bytes.Buffer
	code := execute(context.Background(), args, strings.NewReader(in), &out, &errOut)
	return result{code, out.String(), errOut.String()}
}

// squeeze makes the columns of a table comparable.
func squeeze(table string) string {
	return regexp.MustCompile(`(?m) +`).ReplaceAllString(strings.TrimSpace(table), " ")
}

const (
	granted = `{"name":"job","holder":"me","session":"s-0123456789abcdef","token":7,"slot":0,"ttl_ms":15000,"expires_in_ms":14985,"revision":7}`
	heldNow = `{"name":"job","state":"held","revision":9,"limit":1,"holder":"me","token":7,"transitions":3,
		"holders":[{"holder":"me","token":7,"slot":0,"ttl_ms":15000,"held_ms":100,"free_in_ms":14200,"meta":{"url":"u"}}],
		"queue":[{"holder":"you","waiting_ms":1500}],"queue_length":1}`
	stepDownGrant = `{"name":"handover","holder":"me","session":"s-0123456789abcdef","token":7,"slot":0,"ttl_ms":15000,"expires_in_ms":14985,
		"step_down":{"to":"you","within_ms":9000}}`
	session = "s-0123456789abcdef"
)

func TestExitCodes(t *testing.T) {
	const path = "POST /v1/leases/job/acquire"
	for name, tt := range map[string]struct {
		answer answer
		want   int
	}{
		"granted":        {answer{201, granted}, exitOK},
		"held before":    {answer{200, granted}, exitOK},
		"held":           {answer{409, problem(409, "held", "")}, exitNotAcquired},
		"delayed":        {answer{409, problem(409, "delayed", "")}, exitNotAcquired},
		"limit mismatch": {answer{409, problem(409, "limit-mismatch", "")}, exitNotAcquired},
		"session in use": {answer{409, problem(409, "session-in-use", "")}, exitNotAcquired},
		"queue full":     {answer{429, problem(429, "queue-full", "")}, exitNotAcquired},
		"lost":           {answer{409, problem(409, "broken", `,"lost":true`)}, exitLost},
		"no leader":      {answer{503, problem(503, "no-leader", "")}, exitUnreachable},
		"unknown":        {answer{504, problem(504, "outcome-unknown", "")}, exitUnreachable},
		"invalid":        {answer{400, problem(400, "invalid", "")}, exitUsage},
		"forbidden":      {answer{403, problem(403, "forbidden", "")}, exitFailed},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t, map[string]answer{path: tt.answer})
			r := n.command("acquire", "job", "--timeout", "200ms")
			if r.code != tt.want {
				t.Errorf("exit %d, want %d: %s", r.code, tt.want, r.errOut)
			}
			if (r.code == exitOK) != (r.errOut == "") || (r.code == exitOK) != (r.out != "") {
				t.Errorf("printed %q and %q", r.out, r.errOut)
			}
		})
	}
	if r := command("", "get", "job", "--addr", "127.0.0.1:1"); r.code != exitUnreachable {
		t.Errorf("no listener: exit %d: %s", r.code, r.errOut)
	}
}

// If the time runs out, the error contains the last response of the node.
func TestTimeoutErrorContainsTheLastResponse(t *testing.T) {
	no := answer{503, problem(503, "no-leader", "")}
	n := newNode(t, map[string]answer{"POST /v1/leases/job/acquire": no, "GET /v1/leases/job": no})
	for _, verb := range []string{"acquire", "get"} {
		r := n.command(verb, "job", "--timeout", "200ms")
		if r.code != exitUnreachable || !strings.HasPrefix(r.errOut, "lockd: It is no-leader") || !strings.HasSuffix(r.errOut, "(no-leader)\n") {
			t.Errorf("%s: exit %d: %s", verb, r.code, r.errOut)
		}
	}
}

func TestUsage(t *testing.T) {
	for _, line := range []string{
		"nope", "acquire", "acquire a b --wait 1s", "acquire a b --limit 1", "acquire a b --reclaim", "acquire a --priority 101", "acquire a --reclaim", "acquire a --ttl soon",
		"step-down a", "step-down a --token 7 --within 0s", "acquire a --meta [1]", "acquire a --what", "get a -o yaml",
		"renew a", "release a", "transfer a --session " + session, "break a", "break a --token 7", "check a", "check a seven",
		"watch a --prefix b", "cluster nope", "cluster remove", "cluster join", "get a --addr ftp://x", "ls x",
	} {
		r := command("", strings.Fields(line)...)
		if r.code != exitUsage || !strings.HasPrefix(r.errOut, "lockd: ") || !strings.Contains(r.errOut, "--help' for usage") {
			t.Errorf("%s: exit %d: %s", line, r.code, r.errOut)
		}
	}
}

func TestArgumentErrorsAreReadable(t *testing.T) {
	for line, want := range map[string]string{
		"acquire":                            "want a NAME",
		"acquire" + strings.Repeat(" a", 65): "too many arguments: 65; this command takes at most 64",
		"acquire a b --reclaim":              "--reclaim applies to one lease only",
		"get":                                "want a NAME",
		"get a b":                            "too many arguments: 2; this command takes at most 1",
		"check a":                            "want a NAME and a TOKEN",
		"cluster remove":                     "want a NODE",
		"cluster transfer-leader a b":        "too many arguments: 2; this command takes at most 1",
		"log-level loud":                     `"loud" is not a log level; want one of debug, info, warn, error`,
		"log-level --for 1m":                 "want a level with --for",
		"log-level --addr a,b":               "want one --addr",
		"watch a b":                          "too many arguments: 2; this command takes at most 1",
		"config show foo":                    `too many arguments: "foo"; this command takes none`,
		"server foo":                         `too many arguments: "foo"; this command takes none`,
		"cluster foo":                        `unknown command "foo" for "lockd cluster"`,
		"foo":                                `unknown command "foo" for "lockd"`,
	} {
		r := command("", strings.Fields(line)...)
		if r.code != exitUsage || !strings.HasPrefix(r.errOut, "lockd: "+want) {
			t.Errorf("%s: exit %d: %s", line, r.code, r.errOut)
		}
	}
}

func TestSuggestionsAreReadable(t *testing.T) {
	if r := command("", "lok"); !strings.Contains(r.errOut, "\n  lock\n") {
		t.Errorf("%q", r.errOut)
	}
}

// Each command, its request, and its output as a table.
func TestVerbs(t *testing.T) {
	for _, tt := range []struct {
		line    string
		route   string
		answer  string
		request string
		want    string
	}{
		{"acquire job --ttl 15s --holder me --session " + session + ` --limit 2 --delay 1s --meta {"a":1}`,
			"POST /v1/leases/job/acquire", granted,
			`POST /v1/leases/job/acquire {"holder":"me","session":"s-0123456789abcdef","ttl_ms":15000,"meta":{"a":1},"limit":2,"delay_ms":1000}`,
			"NAME HOLDER SESSION TOKEN SLOT TTL EXPIRES-IN\njob me s-0123456789abcdef 7 0 15s 14.9s"},
		{"renew job --token 7 --ttl 15s --session " + session,
			"POST /v1/leases/job/renew", granted,
			`POST /v1/leases/job/renew {"session":"s-0123456789abcdef","token":7,"ttl_ms":15000}`,
			"NAME HOLDER SESSION TOKEN SLOT TTL EXPIRES-IN\njob me s-0123456789abcdef 7 0 15s 14.9s"},
		{"renew handover --session " + session,
			"POST /v1/leases/handover/renew", stepDownGrant, `POST /v1/leases/handover/renew {"session":"s-0123456789abcdef"}`,
			"NAME HOLDER SESSION TOKEN SLOT TTL EXPIRES-IN\nhandover me s-0123456789abcdef 7 0 15s 14.9s\n\nASKED-TO-STEP-DOWN TOKEN TO WITHIN\nme 7 you 9s"},
		{"acquire handover --holder me --session " + session,
			"POST /v1/leases/handover/acquire", strings.Replace(stepDownGrant, "9000", "0", 1), `POST /v1/leases/handover/acquire {"holder":"me","session":"s-0123456789abcdef"}`,
			"NAME HOLDER SESSION TOKEN SLOT TTL EXPIRES-IN\nhandover me s-0123456789abcdef 7 0 15s 14.9s\n\nASKED-TO-STEP-DOWN TOKEN TO WITHIN\nme 7 you over"},
		{"release job --delay 2s --session " + session,
			"POST /v1/leases/job/release", `{"name":"job","was_held":true,"held_ms":61000}`,
			`POST /v1/leases/job/release {"session":"s-0123456789abcdef","delay_ms":2000}`,
			"NAME WAS-HELD HELD\njob yes 1m1s"},
		{"transfer job --to you --session " + session,
			"POST /v1/leases/job/transfer", `{"name":"job","to":"you","token":8,"held_ms":1000}`,
			`POST /v1/leases/job/transfer {"session":"s-0123456789abcdef","to":"you"}`,
			"NAME TO TOKEN HELD\njob you 8 1s"},
		{"break job --token 7 --reason stuck --grace 0s --yes",
			"POST /v1/leases/job/break", `{"name":"job","token":7,"available_in_ms":0}`,
			`POST /v1/leases/job/break {"token":7,"reason":"stuck","grace_ms":0}`,
			"NAME TOKEN FREE-IN\njob 7 0s"},
		{"break job --token 7 --reason stuck -y",
			"POST /v1/leases/job/break", `{"name":"job","token":7,"available_in_ms":1500}`,
			`POST /v1/leases/job/break {"token":7,"reason":"stuck"}`,
			"NAME TOKEN FREE-IN\njob 7 1.5s"},
		{"get job --stale",
			"GET /v1/leases/job", heldNow, "GET /v1/leases/job?stale=true",
			"NAME STATE HOLDER TOKEN TTL FREE-IN WAITERS AGE URL\njob held me 7 15s 14.2s 1 0s u\n\nPOSITION WAITER PRIORITY WAITING\n1 you 0 1.5s"},
		{"get handover",
			"GET /v1/leases/handover", `{"name":"handover","state":"held","holders":[{"holder":"me","token":7,"ttl_ms":15000,"step_down":{"to":"you","within_ms":9000}}],
			"queue":[{"holder":"you","priority":-5,"waiting_ms":1500}],"queue_length":1}`, "GET /v1/leases/handover",
			"NAME STATE HOLDER TOKEN TTL FREE-IN WAITERS AGE\nhandover held me 7 15s - 1 0s\n\nASKED-TO-STEP-DOWN TOKEN TO WITHIN\nme 7 you 9s\n\n" +
				"POSITION WAITER PRIORITY WAITING\n1 you -5 1.5s"},
		{"step-down job --token 7 --to you --within 30s",
			"POST /v1/leases/job/step-down", `{"name":"job","holder":"me","token":7,"step_down":{"to":"you","within_ms":30000}}`,
			`POST /v1/leases/job/step-down {"token":7,"to":"you","within_ms":30000}`,
			"ASKED-TO-STEP-DOWN TOKEN TO WITHIN\nme 7 you 30s"},
		{"acquire job --holder me --priority -5 --reclaim --session " + session,
			"POST /v1/leases/job/acquire", granted,
			`POST /v1/leases/job/acquire {"holder":"me","session":"s-0123456789abcdef","priority":-5,"reclaim":true}`,
			"NAME HOLDER SESSION TOKEN SLOT TTL EXPIRES-IN\njob me s-0123456789abcdef 7 0 15s 14.9s"},
		{"acquire job other --holder me --ttl 15s --session " + session,
			"POST /v1/acquire", `{"holder":"me","session":"s-0123456789abcdef","ttl_ms":15000,"expires_in_ms":14985,"revision":8,
			"leases":[{"name":"job","token":7,"slot":0},{"name":"other","token":8,"slot":0}]}`,
			`POST /v1/acquire {"names":["job","other"],"holder":"me","session":"s-0123456789abcdef","ttl_ms":15000}`,
			"NAME HOLDER SESSION TOKEN SLOT TTL EXPIRES-IN\njob me s-0123456789abcdef 7 0 15s 14.9s\nother me s-0123456789abcdef 8 0 15s 14.9s"},
		{"get job",
			"GET /v1/leases/job", `{"name":"job","state":"delayed","available_in_ms":900,"later":1}`, "GET /v1/leases/job",
			"NAME STATE HOLDER TOKEN TTL FREE-IN WAITERS AGE\njob delayed - - - 900ms 0 -"},
		{"ls --prefix j --holder me",
			"GET /v1/leases", `{"leases":[` + heldNow + `],"revision":9}`, "GET /v1/leases?holder=me&prefix=j",
			"NAME STATE HOLDER TOKEN TTL FREE-IN WAITERS AGE URL\njob held me 7 15s 14.2s 1 0s u"},
		{"check job 7",
			"GET /v1/leases/job/check", `{"name":"job","token":7,"holder":"me"}`, "GET /v1/leases/job/check?token=7",
			"NAME TOKEN HOLDER\njob 7 me"},
		{"history job",
			"GET /v1/leases/job/history",
			`{"name":"job","events":[{"revision":8,"at":"2026-01-02T03:04:05.678Z","type":"broken","holder":"me","token":7,"held_ms":2005,"reason":"stuck","by":"10.0.0.9"},
			{"revision":9,"type":"step_down","holder":"me","token":7,"to":"you","by":"10.0.0.9"},{"revision":10,"type":"transferred","holder":"me","token":7,"to":"you"}]}`,
			"GET /v1/leases/job/history",
			"REVISION AT TYPE HOLDER TOKEN CAUSE HELD TO BY REASON\n8 2026-01-02T03:04:05Z broken me 7 - 2.005s - 10.0.0.9 stuck\n" +
				"9 - step_down me 7 - - you 10.0.0.9 -\n10 - transferred me 7 - - you - -"},
		{"cluster status",
			"GET /v1/cluster",
			`{"cluster_id":"c1","node":{"id":"n1-a","name":"n1","state":"leader","version":"1.0.0"},"leader":"n1","term":4,"revision":9,"applied_index":12,
			"last_log_term":4,"last_log_index":13,
			"nodes":[{"id":"n1-a","name":"n1","http":"http://127.0.0.1:1","peer":"n1:7401","voter":true,"leader":true,"last_contact_ms":0},
			{"id":"n2-a","name":"n2","http":"http://127.0.0.1:1","peer":"n2:7401","last_contact_ms":7}]}`,
			"GET /v1/cluster",
			"quorum 1 of 1, leader n1, term 4\n\nCLUSTER SEEN-BY STATE TERM REVISION APPLIED\nc1 n1 leader 4 9 12\n\n" +
				"NODE STATUS ROLE HEARD VERSION ENTRIES LAST-LOG REVISION HTTP PEER\nn1 UP leader now 1.0.0 0 4/13 9 http://127.0.0.1:1 n1:7401\n" +
				"n2 DOWN non-voter 7ms ago - 0 - - http://127.0.0.1:1 n2:7401"},
		{"cluster remove n3 --yes", "POST /v1/cluster/remove", `{}`, `POST /v1/cluster/remove {"id":"n3"}`, "NODE DONE\nn3 removed"},
	} {
		t.Run(tt.line, func(t *testing.T) {
			n := newNode(t, map[string]answer{tt.route: {body: tt.answer}})
			r := n.command(strings.Fields(tt.line)...)
			if r.code != exitOK {
				t.Fatalf("exit %d: %s", r.code, r.errOut)
			}
			if len(n.requests) != 1 || n.requests[0] != tt.request {
				t.Errorf("requests %q\nwant  %q", n.requests, tt.request)
			}
			if got := squeeze(r.out); got != tt.want {
				t.Errorf("printed\n%s\nwant\n%s", got, tt.want)
			}
			var v any
			if r = n.command(strings.Fields(tt.line + " -o json")...); json.Unmarshal([]byte(r.out), &v) != nil {
				t.Errorf("this is no JSON: %s", r.out)
			}
		})
	}
}

func TestTransferLeader(t *testing.T) {
	n := newNode(t, map[string]answer{
		"POST /v1/cluster/transfer-leader": {body: `{}`},
		"GET /v1/cluster":                  {body: `{"nodes":[{"id":"a.1","name":"a","leader":true},{"id":"b.2","name":"b"}]}`},
	})
	for to, want := range map[string]string{"": "- transferred", "b": "b transferred", "b.2": "b.2 transferred", "a": "a already leads", "a.1": "a.1 already leads"} {
		n.requests = nil
		r := n.command(strings.Fields("cluster transfer-leader " + to)...)
		if got := squeeze(r.out); r.code != exitOK || got != "NODE DONE\n"+want {
			t.Errorf("to %q: exit %d: %s%s", to, r.code, r.out, r.errOut)
		}
		if len(n.requests) != 2 || !strings.HasPrefix(n.requests[1], "POST /v1/cluster/transfer-leader") || !strings.Contains(n.requests[1], to) {
			t.Errorf("to %q: requests %q", to, n.requests)
		}
	}
}

// A refusal contains flags and arguments, not the members of a body.
func TestRefusalsContainFlagsAndArguments(t *testing.T) {
	invalid := func(field, reason string) answer {
		return answer{400, problem(400, "invalid", fmt.Sprintf(`,"errors":[{"field":%q,"reason":%q}]`, field, reason))}
	}
	refused := answer{409, problem(409, "refused", `,"detail":"Nothing changed: there is no member \"x\"."`)}
	for line, tt := range map[string]struct {
		route  string
		answer answer
		code   int
		want   string
	}{
		"cluster remove x --yes":    {"POST /v1/cluster/remove", refused, exitFailed, `lockd: Nothing changed: there is no member "x". (refused)`},
		"cluster remove y --yes":    {"POST /v1/cluster/remove", invalid("id", "must be short"), exitUsage, "lockd: NODE must be short (invalid)"},
		"cluster transfer-leader x": {"POST /v1/cluster/transfer-leader", refused, exitFailed, `lockd: Nothing changed: there is no member "x". (refused)`},
		"acquire job --ttl 5s":      {"POST /v1/leases/job/acquire", invalid("ttl_ms", "must be longer"), exitUsage, "lockd: --ttl must be longer (invalid)"},
		"get job":                   {"GET /v1/leases/job", invalid("name", "must be better"), exitUsage, "lockd: NAME must be better (invalid)"},
		"watch --prefix j":          {"GET /v1/watch", invalid("prefix", "must be better"), exitUsage, "lockd: --prefix must be better (invalid)"},
		"acquire job": {"POST /v1/leases/job/acquire",
			answer{409, problem(409, "held", `,"detail":"me holds it. Send wait_ms to wait in its queue, or try again later."`)}, exitNotAcquired,
			"lockd: me holds it. Pass --wait to wait in its queue, or try again later. (held)"},
		"acquire job --priority 1": {"POST /v1/leases/job/acquire",
			answer{409, problem(409, "held", `,"lease":`+strings.Replace(heldNow, `"queue_length":1`, `"queue_length":2`, 1))}, exitNotAcquired,
			`lockd: lease "job" is held by me (token 7), free in at most 14.2s unless renewed; 2 waiters are before you; pass --wait to wait in its queue, or try again later (held)`},
		"acquire job --limit 1": {"POST /v1/leases/job/acquire",
			answer{409, problem(409, "delayed", `,"lease":{"name":"job","available_in_ms":1500},"detail":"Send wait_ms to wait, or try again after available_in_ms."`)}, exitNotAcquired,
			`lockd: lease "job" has no holder, and is available in 1.5s; pass --wait to wait in its queue, or try again in 1.5s (delayed)`},
	} {
		n := newNode(t, map[string]answer{tt.route: tt.answer, "GET /v1/cluster": {body: `{}`}})
		r := n.command(strings.Fields(line)...)
		if got, _, _ := strings.Cut(r.errOut, "\n"); r.code != tt.code || got != tt.want {
			t.Errorf("%s: exit %d: %s\nwant %s", line, r.code, got, tt.want)
		}
	}
}

// An operator who names a hold that has ended has lost nothing.
func TestOperatorCommandsReportNoLoss(t *testing.T) {
	stale := answer{409, problem(409, "stale-token", `,"lost":true,"detail":"Stop its work."`)}
	broken := answer{409, problem(409, "broken", `,"lost":true,"detail":"Stop its work."`)}
	const noHold = "lockd: this token is not current: the hold has ended, or the token belongs to another lease; nothing was changed (stale-token)\n"
	for line, tt := range map[string]struct {
		answer answer
		want   string
	}{
		"step-down job --token 6":                  {stale, noHold},
		"break job --token 6 --reason stuck --yes": {stale, noHold},
		"step-down job --token 7":                  {broken, "lockd: the hold is already broken and ends after its grace period; nothing was changed (broken)\n"},
	} {
		n := newNode(t, map[string]answer{"POST /v1/leases/job/step-down": tt.answer, "POST /v1/leases/job/break": tt.answer})
		if r := n.command(strings.Fields(line)...); r.code != exitFailed || r.errOut != tt.want {
			t.Errorf("%s: exit %d: %s", line, r.code, r.errOut)
		}
	}
	n := newNode(t, map[string]answer{"POST /v1/leases/job/release": stale})
	if r := n.command("release", "job", "--token", "6", "--session", session); r.code != exitLost {
		t.Errorf("a holder: exit %d: %s", r.code, r.errOut)
	}
}

// With several leases, the detail of the node about the conflicts is printed.
func TestConflictingLeasesArePrinted(t *testing.T) {
	n := newNode(t, map[string]answer{"POST /v1/acquire": {409, problem(409, "held",
		`,"detail":"In the way: p2 (held by cli), p3 (delayed).","leases":[{"name":"p2","state":"held","holder":"cli"}]`)}})
	r := n.command("acquire", "p1", "p2", "p3")
	if r.code != exitNotAcquired || !strings.Contains(r.errOut, "In the way: p2 (held by cli), p3 (delayed). (held)") {
		t.Errorf("exit %d: %s", r.code, r.errOut)
	}
}

func TestCheckOfAnOldToken(t *testing.T) {
	n := newNode(t, map[string]answer{"GET /v1/leases/job/check": {409, problem(409, "stale-token", `,"lost":true`)}})
	if r := n.command("check", "job", "6"); r.code != exitLost {
		t.Errorf("exit %d", r.code)
	}
}

func TestJSONIsTheAnswer(t *testing.T) {
	n := newNode(t, map[string]answer{"GET /v1/leases/job": {body: heldNow}})
	var got struct {
		Holders []struct {
			FreeIn int             `json:"free_in_ms"`
			Meta   json.RawMessage `json:"meta"`
		} `json:"holders"`
	}
	r := n.command("get", "job", "-o", "json")
	if err := json.Unmarshal([]byte(r.out), &got); err != nil || len(got.Holders) != 1 || got.Holders[0].FreeIn != 14200 {
		t.Errorf("printed %s", r.out)
	}
	empty := newNode(t, map[string]answer{"GET /v1/leases": {body: `{"leases":[]}`}})
	if r := empty.command("ls", "-o", "json"); strings.TrimSpace(r.out) != "[]" {
		t.Errorf("an empty list is %q", r.out)
	}
}

func TestWatch(t *testing.T) {
	stream := "event: state\ndata: {\"revision\":9,\"name\":\"job\",\"lease\":{\"name\":\"job\",\"holder\":\"me\",\"token\":7}}\n\n" +
		"event: synced\ndata: {\"revision\":9}\n\n" +
		"event: transferred\ndata: {\"revision\":10,\"at\":\"2026-01-02T03:04:05.678Z\",\"type\":\"transferred\",\"to\":\"you\",\"name\":\"job\",\"holder\":\"me\",\"token\":7}\n\n" +
		"event: gone\ndata: {\"type\":\"gone\",\"oldest\":20,\"current\":30}\n\n"
	n := newNode(t, map[string]answer{"GET /v1/watch": {body: stream}})
	r := n.command("watch", "job", "--after", "5")
	want := "REVISION TYPE NAME HOLDER TOKEN TO CAUSE AT\n9 state job me 7 - - -\n9 synced - - - - - -\n10 transferred job me 7 you - 2026-01-02T03:04:05Z"
	if got := squeeze(r.out); got != want || r.code != exitFailed {
		t.Errorf("exit %d, printed\n%s\nwant\n%s", r.code, got, want)
	}
	if !strings.Contains(r.errOut, "current is 30") || n.requests[0] != "GET /v1/watch?after=5&name=job" {
		t.Errorf("requests %q, output %s", n.requests, r.errOut)
	}
	r = n.command("watch", "-o", "json")
	lines := strings.Split(strings.TrimSpace(r.out), "\n")
	for _, line := range lines {
		if !json.Valid([]byte(line)) {
			t.Errorf("this is no JSON: %s", line)
		}
	}
	if len(lines) != 4 || !strings.Contains(lines[3], `"exit_code":1`) { // the last one is why the watch ended
		t.Errorf("printed %q", lines)
	}
}

func TestInterruptedWatchIsNoError(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	defer srv.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if code := execute(ctx, []string{"watch", "--addr", srv.URL}, strings.NewReader(""), io.Discard, io.Discard); code != exitOK {
		t.Errorf("exit %d", code)
	}
}

func TestHealth(t *testing.T) {
	ready := newNode(t, map[string]answer{"GET /readyz": {body: "ok"}, "GET /healthz": {body: "ok"}})
	starting := newNode(t, map[string]answer{"GET /readyz": {503, "no leader\nmore"}, "GET /healthz": {body: "ok"}})
	if r := ready.command("health"); r.code != 0 {
		t.Errorf("exit %d: %s", r.code, r.errOut)
	}
	if r := starting.command("health"); r.code != 1 || !strings.Contains(r.out, "no leader") {
		t.Errorf("exit %d: %s", r.code, r.out)
	}
	if r := starting.command("health", "--live"); r.code != 0 {
		t.Errorf("exit %d: %s", r.code, r.errOut)
	}
	if r := command("", "health", "--addr", ready.URL+",127.0.0.1:1"); r.code != 1 {
		t.Errorf("exit %d", r.code)
	}
}

func TestConfirm(t *testing.T) {
	n := newNode(t, map[string]answer{"POST /v1/leases/job/break": {body: `{"name":"job","token":7}`}})
	for in, want := range map[string]bool{"y\n": true, "yes\n": true, "\n": false, "no\n": false, "": false} {
		n.requests = nil
		c := &cli{in: strings.NewReader(in), out: io.Discard, terminal: true}
		root, _ := newRootCommand(c)
		root.SetErr(io.Discard)
		root.SetArgs([]string{"break", "job", "--token", "7", "--reason", "stuck", "--addr", n.URL})
		err := root.Execute()
		if (err == nil) != want || (len(n.requests) == 1) != want {
			t.Errorf("answer %q: requests %q, %v", in, n.requests, err)
		}
	}
}

// Without a terminal, a command that needs a confirmation changes nothing without --yes.
func TestConfirmationNeedsATerminalOrYes(t *testing.T) {
	n := newNode(t, nil)
	for _, line := range []string{"break job --token 7 --reason stuck", "cluster remove n3"} {
		r := n.command(strings.Fields(line)...)
		if r.code != exitUsage || !strings.Contains(r.errOut, "confirmation required: pass --yes") || len(n.requests) != 0 {
			t.Errorf("%s: exit %d, requests %q: %s", line, r.code, n.requests, r.errOut)
		}
	}
}

func TestVersion(t *testing.T) {
	for _, word := range []string{"version", "--version", "-v"} {
		if r := command("", word); r.code != 0 || !strings.HasPrefix(r.out, "lockd dev commit ") || strings.Count(r.out, "\n") != 1 {
			t.Errorf("%s: exit %d: %s%s", word, r.code, r.out, r.errOut)
		}
	}
}

func TestVersionPrintsLicenses(t *testing.T) {
	r := command("", "version", "--licenses")
	for _, want := range []string{"Apache License", "\ngithub.com/hashicorp/raft v", "Mozilla Public License, version 2.0"} {
		if r.code != 0 || !strings.Contains(r.out, want) {
			t.Errorf("exit %d, want %q in %d bytes: %s", r.code, want, len(r.out), r.errOut)
		}
	}
}
