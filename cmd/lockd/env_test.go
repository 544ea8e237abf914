package main

import (
	"os"
	"strings"
	"testing"

	"github.com/lockd/lockd/internal/config"
)

func TestEnvName(t *testing.T) {
	if got := config.EnvName("data-dir"); got != "LOCKD_DATA_DIR" {
		t.Errorf("got %s", got)
	}
}

func TestFlagWinsOverVariable(t *testing.T) {
	n := newNode(t, map[string]answer{"POST /v1/leases/job/acquire": {body: granted}})
	t.Setenv("LOCKD_ADDR", "127.0.0.1:1,"+n.URL)
	t.Setenv("LOCKD_HOLDER", "variable")
	t.Setenv("LOCKD_SESSION", "another-session-0001")
	t.Setenv("LOCKD_TIMEOUT", "") // empty
	t.Setenv("LOCKD_OUTPUT", "json")
	r := command("", "acquire", "job", "--session", session)
	if r.code != exitOK || !strings.HasPrefix(r.out, "{") {
		t.Fatalf("exit %d: %s%s", r.code, r.out, r.errOut)
	}
	want := `POST /v1/leases/job/acquire {"holder":"variable","session":"s-0123456789abcdef"}`
	if len(n.requests) != 1 || n.requests[0] != want {
		t.Errorf("requests %q\nwant  %q", n.requests, want)
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
		"LOCKD_OUTPUT":  {"yaml", `LOCKD_OUTPUT="yaml": want table|wide|json`},
		"LOCKD_TIMEOUT": {"soon", `LOCKD_TIMEOUT="soon": must be a duration of at least 1ms, such as 10s`},
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

// Variables are for a machine or a process. A variable that names a hold, or sets --yes, would also
// affect commands that it was not meant for.
func TestFlagsOfASingleCommandHaveNoVariable(t *testing.T) {
	for _, name := range []string{
		"LOCKD_YES", "LOCKD_TOKEN", "LOCKD_AFTER", "LOCKD_TTL", "LOCKD_WAIT", "LOCKD_LIMIT", "LOCKD_META", "LOCKD_REASON",
		"LOCKD_PREFIX", "LOCKD_STALE", "LOCKD_ID", "LOCKD_NAME", "LOCKD_LIVE", "LOCKD_HELP",
	} {
		t.Setenv(name, "nonsense")
	}
	t.Setenv("LOCKD_HOLDER", "me")
	n := newNode(t, map[string]answer{
		"GET /v1/leases": {body: `{"leases":[]}`}, "POST /v1/leases/job/renew": {body: granted}, "POST /v1/leases/job/acquire": {body: granted},
	})
	for line, want := range map[string]string{
		"ls":                               "GET /v1/leases",
		"renew job --session " + session:   `POST /v1/leases/job/renew {"session":"s-0123456789abcdef"}`,
		"acquire job --session " + session: `POST /v1/leases/job/acquire {"holder":"me","session":"s-0123456789abcdef"}`,
	} {
		n.requests = nil
		if r := n.command(strings.Fields(line)...); r.code != exitOK || len(n.requests) != 1 || n.requests[0] != want {
			t.Errorf("%s: exit %d: %s\nrequests %q\nwant  %q", line, r.code, r.errOut, n.requests, want)
		}
	}
	if r := command("", "recover", "--data-dir", t.TempDir()); r.code != exitUsage || !strings.Contains(r.errOut, "holds no node's data") {
		t.Errorf("recover: exit %d: %s", r.code, r.errOut)
	}
}

// A misspelled variable causes a warning, not an error.
func TestUnknownVariables(t *testing.T) {
	t.Setenv("LOCKD_BOOTSTRAP_EXPCT", "3")
	t.Setenv("LOCKD_TLS_CERTIFICATE", "x")
	t.Setenv("LOCKD_EMPTY", "")
	t.Setenv("LOCKD_ADDR", "127.0.0.1:7400") // of another command
	t.Setenv("LOCKD_SESSION", session)
	t.Setenv("LOCKD_PORT_7400_TCP_ADDR", "10.0.0.1") // of a service named lockd
	t.Setenv("LOCKD_HTTP_SERVICE_HOST", "10.0.0.1")
	r := command("", "config", "show")
	for _, want := range []string{
		"lockd: warning: LOCKD_BOOTSTRAP_EXPCT is ignored: unknown variable: did you mean LOCKD_BOOTSTRAP_EXPECT?\n",
		"lockd: warning: LOCKD_TLS_CERTIFICATE is ignored: unknown variable\n",
	} {
		if r.code != exitOK || !strings.Contains(r.errOut, want) || strings.Count(r.errOut, "\n") != 2 {
			t.Errorf("exit %d, want %q: %s", r.code, want, r.errOut)
		}
	}
	// The server warns before it starts, which does not happen here.
	r = command("", "server", "--data-dir", os.DevNull, "--http-addr", "127.0.0.1:0", "--peer-addr", "127.0.0.1:0")
	if r.code != exitFailed || !strings.Contains(r.errOut, `"level":"WARN"`) || !strings.Contains(r.errOut, `"did_you_mean":"LOCKD_BOOTSTRAP_EXPECT"`) {
		t.Errorf("exit %d: %s", r.code, r.errOut)
	}
}

// The help has every variable of a flag and no other, and no flag without an effect on the command.
func TestHelpNamesTheVariables(t *testing.T) {
	for line, want := range map[string]struct{ shown, missing []string }{
		"acquire":        {[]string{"[LOCKD_ADDR]", "[LOCKD_OUTPUT]", "[LOCKD_TIMEOUT]", "[LOCKD_HOLDER]", "[LOCKD_SESSION]"}, []string{"LOCKD_TTL"}},
		"ls":             {[]string{"[LOCKD_ADDR]", "--holder"}, []string{"LOCKD_HOLDER"}},
		"break":          {[]string{"[LOCKD_ADDR]", "--yes", "--token", "[LOCKD_TOKEN_FILE]"}, []string{"LOCKD_YES", "[LOCKD_TOKEN]"}},
		"cluster status": {[]string{"[LOCKD_ADDR]", "--timeout"}, nil},
		"server":         {[]string{"[LOCKD_DATA_DIR]", "[LOCKD_CONFIG]"}, []string{"--addr ", "--timeout", "--output"}},
		"recover":        {[]string{"[LOCKD_DATA_DIR]"}, []string{"--addr ", "--timeout", "--output", "LOCKD_YES"}},
		"version":        {[]string{"[LOCKD_OUTPUT]"}, []string{"--addr", "--timeout"}},
		"config show":    {[]string{"[LOCKD_OUTPUT]", "[LOCKD_DATA_DIR]"}, []string{"--addr ", "--timeout"}},
	} {
		r := command("", append(strings.Fields(line), "--help")...)
		for _, s := range want.shown {
			if !strings.Contains(r.out, s) {
				t.Errorf("the help of %s lacks %s:\n%s", line, s, r.out)
			}
		}
		for _, s := range want.missing {
			if strings.Contains(strings.ReplaceAll(r.out, "pass --yes", ""), s) {
				t.Errorf("the help of %s shows %s:\n%s", line, s, r.out)
			}
		}
	}
}

func TestFlagsOfOtherVerbsAreRefused(t *testing.T) {
	for _, line := range []string{"server --addr 127.0.0.1:1", "recover --timeout 1s", "version --addr 127.0.0.1:1", "config show --timeout 1s"} {
		if r := command("", strings.Fields(line)...); r.code != exitUsage || !strings.Contains(r.errOut, "unknown flag") {
			t.Errorf("%s: exit %d: %s", line, r.code, r.errOut)
		}
	}
	n := newNode(t, map[string]answer{"GET /v1/leases": {body: `{"leases":[]}`}})
	if r := command("", "--addr", n.URL, "-o", "json", "ls"); r.code != exitOK || strings.TrimSpace(r.out) != "[]" {
		t.Errorf("flags before the verb: exit %d: %s%s", r.code, r.out, r.errOut)
	}
}

// A given value must be within its bounds: 0 does not mean the default.
func TestBoundsOfFlags(t *testing.T) {
	for line, want := range map[string]string{
		"acquire a --ttl 1ms":                         "must be a duration from 1s to 24h",
		"acquire a --ttl 0":                           "must be a duration from 1s to 24h",
		"acquire a --ttl 25h":                         "must be a duration from 1s to 24h",
		"acquire a --limit 0":                         "must be a whole number from 1 to 1024",
		"acquire a --limit -1":                        "must be a whole number from 1 to 1024",
		"acquire a --wait -1s":                        "must be a duration of at least 0s",
		"acquire a --delay 61s":                       "must be a duration from 0s to 1m",
		"renew a --ttl 0s --session " + session:       "must be a duration from 1s to 24h",
		"release a --token 0 --session " + session:    "must be a whole number from 1",
		"release a --delay -1s --session " + session:  "must be a duration from 0s to 1m",
		"break a --token 7 --reason r --grace 25h":    "must be a duration from 0s to 24h",
		"break a --token 9007199254740992 --reason r": "must be a whole number from 1 to 9007199254740991",
		"get a --timeout 0s":                          "must be a duration of at least 1ms",
		"recover --quarantine 25h":                    "must be a duration from 0s to 24h",
		"server --node-id a,b":                        "must be 1 to 64 of A-Z a-z 0-9 . _ -",
		"server --join 127.0.0.1:1,nowhere:x":         `"nowhere:x" is not`,
		"server --http-addr 7400":                     "must be HOST:PORT",
		"server --max-conns 0":                        "must be a whole number of at least 1",
		"server --drain-timeout 6s":                   "must be a duration from 1ms to 5s",
		"server --heartbeat-timeout 1ms":              "must be a duration from 50ms to 10s",
		"server --bootstrap-expect 10":                "must be a whole number from 0 to 9",
		"server --bootstrap-expect 3":                 "also needs --join",
		"server --log-level loud":                     "must be one of debug, info, warn, error",
		"server --data-dir=":                          "must be a path",
	} {
		r := command("", strings.Fields(line)...)
		if r.code != exitUsage || !strings.Contains(r.errOut, want) {
			t.Errorf("%s: exit %d, want %q: %s", line, r.code, want, r.errOut)
		}
	}
}
