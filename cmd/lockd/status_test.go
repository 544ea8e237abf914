package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/lockd/lockd/internal/console"
)

// member is a fake node of a cluster of three.
type member struct {
	*node
	name, state string
	term, index int
	contact     string // its report about the others: last_contact_ms
}

// threeMembers returns members that know each other. A member without a state is dead.
func threeMembers(t *testing.T, members ...*member) {
	t.Helper()
	var list []string
	for _, m := range members {
		m.node = newNode(t, nil)
		list = append(list, fmt.Sprintf(`{"id":"%s.1","name":%q,"http":%q,"peer":"p:1","voter":true%s}`, m.name, m.name, m.URL, m.contact))
	}
	for _, m := range members {
		m.answers = map[string]answer{"GET /v1/cluster": {body: fmt.Sprintf(
			`{"cluster_id":"c1","node":{"id":"%s.1","name":%q,"state":%q,"version":"1.2.0"},"term":%d,"last_log_term":%d,"last_log_index":%d,"nodes":[%s]}`,
			m.name, m.name, m.state, m.term, m.term, m.index, strings.Join(list, ","))}}
		if m.state == "" {
			m.Close()
		}
	}
}

func TestStatusShowsTheQuorumAndWhoIsUp(t *testing.T) {
	for name, c := range map[string]struct {
		states [3]string
		head   string
		up     string
		code   int
	}{
		"all are up":                {[3]string{"leader", "follower", "follower"}, "quorum 3 of 3, leader a, term 7", "UP UP UP", exitOK},
		"a follower is dead":        {[3]string{"leader", "follower", ""}, "quorum 2 of 3, leader a, term 7", "UP UP DOWN", exitOK},
		"the former leader is dead": {[3]string{"", "leader", "follower"}, "quorum 2 of 3, leader b, term 7", "DOWN UP UP", exitOK},
		"the leader has just died":  {[3]string{"", "follower", "follower"}, "NO LEADER: 2 of 3 voters answer, term 7", "DOWN UP UP", exitUnreachable},
		"one is left":               {[3]string{"", "candidate", ""}, "NO QUORUM: 1 of 3 voters answer, 2 are needed", "DOWN UP DOWN", exitUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			var members []*member
			for i, state := range c.states {
				// The leader had contact with the dead member a moment ago.
				members = append(members, &member{name: string(rune('a' + i)), state: state, term: 7, index: 40 + i, contact: `,"last_contact_ms":100`})
			}
			threeMembers(t, members...)
			for i, m := range members {
				if m.state == "" {
					continue
				}
				r := m.command("cluster", "status")
				if r.code != c.code || !strings.HasPrefix(r.out, c.head+"\n") {
					t.Errorf("exit %d, want %d: %s%s", r.code, c.code, r.out, r.errOut)
				}
				var up []string
				for _, line := range strings.Split(r.out[strings.Index(r.out, "NODE"):], "\n")[1:4] {
					up = append(up, strings.Fields(line)[1])
					if strings.Contains(line, "DOWN") && strings.Contains(line, "now") {
						t.Errorf("a dead member has a current contact: %s", line)
					}
				}
				if got := strings.Join(up, " "); got != c.up {
					t.Errorf("%s, want %s:\n%s", got, c.up, r.out)
				}
				if want := fmt.Sprintf("1.2.0 0 7/%d", 40+i); !strings.Contains(squeeze(r.out), want) {
					t.Errorf("%s does not show %s", r.out, want)
				}
				var v struct {
					Quorum  bool
					Members []struct{ Up bool }
				}
				r = m.command("cluster", "status", "-o", "json")
				if err := json.Unmarshal([]byte(r.out), &v); err != nil || v.Quorum != (c.code == exitOK) || len(v.Members) != 3 || r.code != c.code {
					t.Errorf("%v: %s", err, r.out)
				}
			}
		})
	}
}

// A member with an unreachable advertised address is up if the leader has contact with it.
func TestStatusUsesTheLeaderForUnreachableAddresses(t *testing.T) {
	body := func(contact int) string {
		return fmt.Sprintf(`{"cluster_id":"c1","node":{"id":"a.1","name":"a","state":"leader"},"term":7,"nodes":[
			{"id":"a.1","name":"a","voter":true},{"id":"b.1","name":"b","voter":true,"http":"http://b.invalid:x","last_contact_ms":%d}]}`, contact)
	}
	n := newNode(t, map[string]answer{"GET /v1/cluster": {body: body(100)}})
	if r := n.command("cluster", "status"); r.code != exitOK || !strings.HasPrefix(r.out, "quorum 2 of 2") {
		t.Errorf("exit %d: %s", r.code, r.out)
	}
	n.answers = map[string]answer{"GET /v1/cluster": {body: body(65_000)}}
	if r := n.command("cluster", "status"); r.code != exitUnreachable || !strings.HasPrefix(r.out, "NO QUORUM: 1 of 2") || !strings.Contains(r.out, "1m5s ago") {
		t.Errorf("exit %d: %s", r.code, r.out)
	}
}

// Clients choose the texts in a node's response, which must not control the terminal.
func TestTextOfANodeDoesNotControlTheTerminal(t *testing.T) {
	const evil = "a\\u001b[2J\\u009b31m\\u202e\\u2028\\u2029\\u0007\\u200f\\n\\r\\tz"
	n := newNode(t, map[string]answer{
		"GET /v1/leases/job":          {body: strings.ReplaceAll(heldNow, `"holder":"me"`, `"holder":"`+evil+`"`)},
		"GET /v1/leases/job/history":  {body: `{"name":"job","events":[{"revision":8,"type":"` + evil + `","by":"` + evil + `","reason":"` + evil + `"}]}`},
		"GET /v1/leases":              {body: `{"leases":[` + strings.ReplaceAll(heldNow, `"job"`, `"`+evil+`"`) + `],"revision":9}`},
		"GET /v1/cluster":             {body: `{"cluster_id":"` + evil + `","node":{"id":"` + evil + `","name":"` + evil + `","state":"leader"},"nodes":[{"name":"` + evil + `","voter":true,"id":"` + evil + `"}]}`},
		"POST /v1/leases/job/acquire": {409, `{"type":"/problems/held","title":"` + evil + `","detail":"` + evil + `","status":409,"definitive":true}`},
	})
	for _, line := range []string{"get job", "history job", "ls", "cluster status", "acquire job", "lock -n job -- true"} {
		for _, format := range []string{"table", "json"} {
			args := strings.Fields(line)
			if !strings.HasPrefix(line, "lock") {
				args = append(args, "-o", format)
				args = append(args, "--addr", n.URL)
			} else {
				args = append([]string{"lock", "--addr", n.URL}, args[1:]...)
			}
			r := command("", args...)
			output := r.out + r.errOut
			if !strings.Contains(output, `\u202e`) || !strings.Contains(output, `\u009b`) {
				t.Errorf("%s -o %s escapes nothing: %q", line, format, output)
			}
			for _, c := range output {
				if c != '\n' && console.Plain(string(c)) != string(c) {
					t.Errorf("%s -o %s prints %q: %q", line, format, c, output)
					break
				}
			}
			if format == "json" && r.out != "" && !json.Valid([]byte(r.out)) {
				t.Errorf("%s: no JSON: %s", line, r.out)
			}
		}
	}
}
