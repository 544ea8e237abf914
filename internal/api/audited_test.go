package api_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/lockd/lockd/internal/access"
)

func TestAuditListHasWhatThisNodeDid(t *testing.T) {
	w := newWorld(t)
	ops, billing := w.admin(), w.token(w, "billing", "acquire:billing.")
	w.change(w, access.Change{Kind: access.SetMode, Mode: access.On})
	const lease, other = "/v1/leases/billing.run", "/v1/leases/other"
	token := w.post(lease+"/acquire", `{"holder":"w1","session":"`+sessionA+`","meta":{"k":"meta-text"}}`, "Authorization", billing).want(201).text("token")
	w.post(lease+"/renew", `{"session":"`+sessionA+`"}`, "Authorization", billing).want(200)
	w.post(other+"/acquire", `{"holder":"w1"}`, "Authorization", billing).want(403)
	w.post(other+"/acquire", `{"holder":"w1"}`).want(401)
	w.post(lease+"/break", `{"token":`+token+`,"reason":"a test"}`, "Authorization", ops).want(202)
	list := func(query string) *answer { return w.get("/v1/audit"+query, "Authorization", ops).want(200) }

	// The two lines of the break are its begin and its outcome. The renewal is in no line.
	every := list("").is("node", "n1", "records.0.action", "lease.break", "records.0.principal", "ops", "records.0.status", "202",
		"records.0.names", `["billing.run"]`, "records.1.status", "", "records.2.status", "401", "records.3.status", "403",
		"records.3.decision", "deny", "records.4.action", "lease.acquire", "records.4.status", "201", "records.5", "", "next", "")
	for _, secret := range []string{sessionA, "meta-text", strings.TrimPrefix(ops, "Bearer "), strings.TrimPrefix(billing, "Bearer ")} {
		if strings.Contains(string(every.body), secret) {
			t.Errorf("%s is in %s", secret, every.body)
		}
	}
	remote, id := every.text("records", 0, "remote"), every.text("records", 0, "token_id")
	if remote == "" || id == "" {
		t.Fatalf("an address or the id of a token is missing: %s", every.body)
	}
	for query, want := range map[string]string{
		"": "5 4 3 2 1", "?actor=127.0.0.1": "5 4 3 2 1", "?before=3": "2 1", "?actor=billing": "2 1", "?actor=ops": "5 4", "?actor=" + id: "5 4",
		"?action=lease.b": "5 4", "?action=lease.acquire&decision=deny": "3 2", "?name=billing.run": "5 1", "?decision=allow&limit=2": "5 4",
		"?actor=bill": "", "?name=billing.": "", "?since=2100-01-01T00:00:00Z": "", "?until=2000-01-01T00:00:00Z": "",
		"?since=2000-01-01T00:00:00Z&until=2100-01-01T00:00:00Z&decision=deny": "3 2",
	} {
		var seqs []string
		for i := range 5 {
			if seq := list(query).text("records", i, "seq"); seq != "" {
				seqs = append(seqs, seq)
			}
		}
		if got := strings.Join(seqs, " "); got != want {
			t.Errorf("%s: records %s, want %s", query, got, want)
		}
	}
	list("?decision=allow&limit=2").is("next", "4")
	list("?actor="+url.QueryEscape(remote)).is("records.0.remote", remote)
	w.get("/v1/audit?decision=no", "Authorization", ops).want(400, "invalid")
	w.get("/v1/audit", "Authorization", billing).want(403, "not-allowed")
	w.change(w, access.Change{Kind: access.SetMode, Mode: access.Off})
	w.get("/v1/audit").want(401, "unauthenticated")
}
