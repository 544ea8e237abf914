package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const secretToken = "lockd_abcdefghij_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG_012345"

func TestRequestsOfAdministration(t *testing.T) {
	t.Setenv("LOCKD_TOKEN", secretToken)
	const auth = `{"mode":"on","by":"token","principal":"ops","token_id":"abcdefghij","rules":["admin"]}`
	const created = `{"id":"k3m9x2abcd","principal":"billing","rules":["read:billing."],"created_at":"2026-01-02T03:04:05Z","token":"lockd_k3m9x2abcd_new"}`
	for _, tt := range []struct {
		line, route, answer, request, want string
	}{
		{"token create billing --allow read:billing. --expires 1h", "POST /v1/tokens", created,
			`POST /v1/tokens {"principal":"billing","rules":["read:billing."],"expires_in_ms":3600000}`, "lockd_k3m9x2abcd_new"},
		{"token create --for billing --admin", "POST /v1/tokens", created, `POST /v1/tokens {"principal":"billing","rules":["admin"]}`, "lockd_k3m9x2abcd_new"},
		{"token list", "GET /v1/tokens", `{"tokens":[{"id":"k3m9x2abcd","principal":"billing","rules":["read:a","metrics"],"expires_at":"2026-01-02T03:04:05Z"}]}`,
			"GET /v1/tokens", "ID PRINCIPAL ALLOWS EXPIRES CREATED CREATED-BY\nk3m9x2abcd billing read:a,metrics 2026-01-02T03:04:05Z - -"},
		{"principal list", "GET /v1/principals", `{"principals":[]}`, "GET /v1/principals", "NAME ALLOWS REVISION"},
		{"principal set billing --allow read:a,read:b --allow metrics", "PUT /v1/principals/billing", `{"name":"billing","rules":["metrics"],"revision":7}`,
			`PUT /v1/principals/billing {"rules":["read:a","read:b","metrics"]}`, "NAME ALLOWS REVISION\nbilling metrics 7"},
		{"principal set billing --allow metrics --revision 7", "PUT /v1/principals/billing", `{"name":"billing","rules":["metrics"],"revision":8}`,
			`PUT /v1/principals/billing {"revision":7,"rules":["metrics"]}`, "NAME ALLOWS REVISION\nbilling metrics 8"},
		{"principal delete billing", "DELETE /v1/principals/billing", `{"name":"billing"}`, "DELETE /v1/principals/billing", "NAME DONE\nbilling deleted"},
		{"auth enable --permissive", "POST /v1/auth", auth, `POST /v1/auth {"mode":"permissive"}`,
			"AUTHENTICATION BY PRINCIPAL TOKEN ALLOWS\non token ops abcdefghij admin"},
		{"auth disable", "POST /v1/auth", auth, `POST /v1/auth {"mode":"off"}`, "AUTHENTICATION BY PRINCIPAL TOKEN ALLOWS\non token ops abcdefghij admin"},
		{"auth status", "GET /v1/auth", auth, "GET /v1/auth", "AUTHENTICATION BY PRINCIPAL TOKEN ALLOWS\non token ops abcdefghij admin"},
	} {
		n := newNode(t, map[string]answer{tt.route: {body: tt.answer}})
		r := n.command(strings.Fields(tt.line)...)
		if r.code != exitOK || squeeze(r.out) != tt.want {
			t.Errorf("%s: exit %d, printed\n%s\nwant\n%s%s", tt.line, r.code, squeeze(r.out), tt.want, r.errOut)
		}
		if len(n.requests) == 0 || n.requests[0] != tt.request {
			t.Errorf("%s: requests %q, want %q", tt.line, n.requests, tt.request)
		}
	}
}

func TestErrorOfAMissingAdminSocketSaysWhatToDo(t *testing.T) {
	t.Setenv("LOCKD_TOKEN", "")
	dir := t.TempDir()
	path := filepath.Join(dir, "admin.sock")
	want := func(advice string) {
		t.Helper()
		r := command("", "token", "list", "--data-dir", dir)
		if r.code != exitUnreachable || !strings.Contains(r.errOut, path) || !strings.Contains(r.errOut, advice) || !strings.Contains(r.errOut, "LOCKD_TOKEN") {
			t.Errorf("exit %d: %s", r.code, r.errOut)
		}
	}
	want("is the node running, and is this its --data-dir?")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false) // as if the node had crashed
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	want("it is not running")
}

func TestRevokeStatesThePrincipalOfTheToken(t *testing.T) {
	t.Setenv("LOCKD_TOKEN", secretToken)
	const list = `{"tokens":[{"id":"k3m9x2abcd","principal":"billing","rules":[]},{"id":"aaaaaaaaaa","principal":"billing","rules":[],"created_by":"billing"}]}`
	const path = "DELETE /v1/tokens/"
	for _, tt := range []struct{ line, answer, request, want, hint string }{
		{"token revoke k3m9x2abcd", `{"id":"k3m9x2abcd"}`, path + "k3m9x2abcd?principal=billing", "k3m9x2abcd revoked 0", "other tokens that billing has created stay valid: aaaaaaaaaa"},
		{"token revoke k3m9x2abcd --break", `{"id":"k3m9x2abcd","broken":2}`, path + "k3m9x2abcd?break=true&principal=billing", "k3m9x2abcd revoked 2", "aaaaaaaaaa"},
		{"token revoke aaaaaaaaaa --break", `{"id":"aaaaaaaaaa"}`, path + "aaaaaaaaaa?break=true&principal=billing", "aaaaaaaaaa revoked 0", ""},
		{"token revoke zzzzzzzzzz --break --principal ops", `{"id":"zzzzzzzzzz","broken":1,"was_gone":true}`, path + "zzzzzzzzzz?break=true&principal=ops", "zzzzzzzzzz was gone 1", ""},
		{"token revoke zzzzzzzzzz --break", `{"id":"zzzzzzzzzz"}`, path + "zzzzzzzzzz?break=true", "zzzzzzzzzz revoked 0", ""},
	} {
		n := newNode(t, map[string]answer{"GET /v1/tokens": {body: list}, path + strings.Fields(tt.line)[2]: {body: tt.answer}})
		r := n.command(strings.Fields(tt.line)...)
		if want := "ID DONE BROKEN\n" + tt.want; r.code != exitOK || squeeze(r.out) != want || len(n.requests) != 2 || n.requests[1] != tt.request {
			t.Errorf("%s: exit %d, %q, sent %q: %s", tt.line, r.code, squeeze(r.out), n.requests, r.errOut)
		}
		if tt.hint == "" != (r.errOut == "") || !strings.Contains(r.errOut, tt.hint) {
			t.Errorf("%s: %q", tt.line, r.errOut)
		}
	}
	interrupted := answer{504, problem(504, "outcome-unknown", `,"detail":"To complete it, repeat the request with break=true and principal=billing."`)}
	n := newNode(t, map[string]answer{"GET /v1/tokens": {body: list}, path + "k3m9x2abcd": interrupted})
	r := n.command("token", "revoke", "k3m9x2abcd", "--break", "--timeout", "1s")
	if r.code == exitOK || !strings.Contains(r.errOut, "run it again with --break --principal billing") || len(n.requests) < 3 {
		t.Errorf("exit %d, %d requests: %s", r.code, len(n.requests), r.errOut)
	}
}

func TestWrongUseOfCredentials(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(secretToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		line, token, file string
		want              string
	}{
		{"ls", secretToken, file, "LOCKD_TOKEN and LOCKD_TOKEN_FILE are both set"},
		{"ls", secretToken + " x", "", "LOCKD_TOKEN: it must be one token"},
		{"ls --addr http://other", secretToken, "", `write "https://other:7400", or pass --insecure`},
		{"ls --token-file /none", "", "", `--token-file "/none": no such file`},
		{"ls --addr user:hunter22@node", "", "", "use LOCKD_TOKEN or --token-file"},
		{"ls --header Authorization:x", secretToken, "", "there is a token too"},
		{"token create ops --for ops", secretToken, "", "not both"},
		{"token create ops --allow app", secretToken, "", "unknown"},
		{"principal set ops", secretToken, "", "want --allow"},
		{"ls --token x", "", "", "unknown flag"},
	} {
		t.Setenv("LOCKD_TOKEN", tt.token)
		t.Setenv("LOCKD_TOKEN_FILE", tt.file)
		r := command("", strings.Fields(tt.line)...)
		if r.code != exitUsage || !strings.Contains(r.errOut, tt.want) || strings.Contains(r.errOut, secretToken) || strings.Contains(r.errOut, "hunter22") {
			t.Errorf("%s: exit %d: %s", tt.line, r.code, r.errOut)
		}
	}
}

// A flag overrides the variables, and health sends no token.
func TestTokenOfACommand(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("from-the-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n := newNode(t, map[string]answer{"GET /v1/leases": {body: `{"leases":[]}`}, "GET /readyz": {body: "ok"}})
	for _, tt := range []struct{ line, token, file, want string }{
		{"ls", secretToken, "", "Bearer " + secretToken},
		{"ls", "", file, "Bearer from-the-file"},
		{"ls --token-file " + file, secretToken, "", "Bearer from-the-file"},
		{"ls", "", "", ""},
		{"health", secretToken, "/none", ""},
	} {
		t.Setenv("LOCKD_TOKEN", tt.token)
		t.Setenv("LOCKD_TOKEN_FILE", tt.file)
		n.authorization = "not requested"
		if r := n.command(strings.Fields(tt.line)...); r.code != exitOK || n.authorization != tt.want {
			t.Errorf("%s: exit %d, sent %q: %s", tt.line, r.code, n.authorization, r.errOut)
		}
	}
}
