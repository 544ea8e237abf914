package main

import (
	"strings"
	"testing"
)

func TestEnvName(t *testing.T) {
	if got := envName("data-dir"); got != "LOCKD_DATA_DIR" {
		t.Errorf("got %s", got)
	}
}

func TestFlagWinsOverVariable(t *testing.T) {
	n := newNode(t, map[string]answer{"POST /v1/leases/job/acquire": {body: granted}})
	t.Setenv("LOCKD_ADDR", "127.0.0.1:1,"+n.URL)
	t.Setenv("LOCKD_HOLDER", "variable")
	t.Setenv("LOCKD_TTL", "20s")
	t.Setenv("LOCKD_SESSION", session)
	t.Setenv("LOCKD_LIMIT", "") // none
	t.Setenv("LOCKD_OUTPUT", "json")
	r := command("", "acquire", "job", "--ttl", "30s")
	if r.code != exitOK || !strings.HasPrefix(r.out, "{") {
		t.Fatalf("exit %d: %s%s", r.code, r.out, r.errOut)
	}
	want := `POST /v1/leases/job/acquire {"holder":"variable","session":"s-0123456789abcdef","ttl_ms":30000}`
	if len(n.asked) != 1 || n.asked[0] != want {
		t.Errorf("asked %q\nwant  %q", n.asked, want)
	}
}

func TestVariableStandsForARequiredFlag(t *testing.T) {
	n := newNode(t, map[string]answer{"POST /v1/leases/job/renew": {body: granted}})
	t.Setenv("LOCKD_SESSION", session)
	if r := n.command("renew", "job"); r.code != exitOK {
		t.Errorf("exit %d: %s", r.code, r.errOut)
	}
}

func TestBadVariable(t *testing.T) {
	for name, tt := range map[string]struct{ value, want string }{
		"LOCKD_TTL":     {"soon", `LOCKD_TTL="soon": want a duration such as 15s or 2m`},
		"LOCKD_LIMIT":   {"x", `LOCKD_LIMIT="x": want a whole number`},
		"LOCKD_OUTPUT":  {"yaml", `LOCKD_OUTPUT="yaml": want table|json`},
		"LOCKD_META":    {"[]", `LOCKD_META="[]": want a JSON object`},
		"LOCKD_TIMEOUT": {"5", `LOCKD_TIMEOUT="5": want a duration such as 15s or 2m`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, tt.value)
			r := command("", "acquire", "job")
			if r.code != exitUsage || !strings.Contains(r.errOut, tt.want) {
				t.Errorf("exit %d: %s", r.code, r.errOut)
			}
		})
	}
}

func TestHelpNamesTheVariables(t *testing.T) {
	if r := command("", "acquire", "--help"); !strings.Contains(r.out, "[LOCKD_TTL]") || !strings.Contains(r.out, "[LOCKD_ADDR]") {
		t.Errorf("help is %s", r.out)
	}
}
