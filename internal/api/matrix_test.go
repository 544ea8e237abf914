package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/api"
	"github.com/lockd/lockd/internal/audit"
)

// auditLog keeps the lines of an audit log.
type auditLog struct {
	mu    sync.Mutex
	lines []audit.Record
	fails bool
}

func (l *auditLog) Write(r audit.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fails {
		return errors.New("no space")
	}
	l.lines = append(l.lines, r)
	return nil
}

func (l *auditLog) Before(uint64, func(*audit.Record) bool, int) audit.Page {
	return audit.Page{Records: []audit.Record{}}
}

func (l *auditLog) Durable() bool { return true }

func (l *auditLog) last() audit.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines) == 0 {
		return audit.Record{}
	}
	return l.lines[len(l.lines)-1]
}

// jwt accepts tokens of the form jwt.PRINCIPAL.
type jwt struct{}

func (jwt) Verify(_ context.Context, token string) (string, time.Time, error) {
	principal, ok := strings.CutPrefix(token, "jwt.")
	if !ok {
		return "", time.Time{}, errors.New("not signed")
	}
	return principal, time.Now().Add(time.Hour), nil
}

// identity is one kind of caller, and whether a route with a right serves it.
type identity struct {
	name          string
	credential    func(w *world) string
	authenticated bool
	serves        func(right string) bool
}

func oneOf(rights ...string) func(string) bool {
	return func(right string) bool {
		for _, r := range rights {
			if r == right {
				return true
			}
		}
		return false
	}
}

func identities() []identity {
	with := func(rules ...string) func(*world) string {
		return func(w *world) string { return w.token(w, "caller", rules...) }
	}
	return []identity{
		{"no credential", func(*world) string { return "" }, false, nil},
		{"another scheme", func(*world) string { return "Basic b3BzOm9wcw==" }, false, nil},
		{"a mistyped token", func(w *world) string { return with("admin")(w) + "x" }, false, nil},
		{"a token with another secret", func(w *world) string {
			w.token(w, "caller", "admin")
			id, _ := access.NewToken(counting{"caller"})
			other, _ := access.NewToken(counting{"other"})
			forged := other.Secret()
			return "Bearer lockd_" + id.ID + forged[len("lockd_")+access.TokenIDLength:]
		}, false, nil},
		{"an expired token", func(w *world) string {
			t, _ := access.NewToken(counting{"expired"})
			w.change(w, access.Change{Kind: access.AddToken, Token: access.Record{ID: t.ID, Hash: t.Hash(), Principal: "ops", Created: 500, Expires: 1_000}})
			return "Bearer " + t.Secret()
		}, false, nil},
		{"a revoked token", func(w *world) string {
			credential := with("admin")(w)
			t, _ := access.NewToken(counting{"caller"})
			w.change(w, access.Change{Kind: access.DeleteToken, Token: access.Record{ID: t.ID}})
			return credential
		}, false, nil},
		{"a bad JSON Web Token", func(*world) string { return "Bearer eyJhbGciOiJub25lIn0.e30." }, false, nil},
		{"a JSON Web Token of no principal", func(*world) string { return "Bearer jwt.nobody" }, false, nil},
		{"a reader", with("read:job", "read:other"), true, oneOf("any", "read")},
		{"a holder", with("acquire:job", "acquire:other"), true, oneOf("any", "read", "acquire")},
		{"an operator", with("operate:*"), true, oneOf("any", "read", "acquire", "operate")},
		{"an administrator", with("admin"), true, oneOf("any", "read", "acquire", "operate", "admin", "metrics")},
		{"a scraper", with("metrics"), true, oneOf("any", "metrics")},
		{"another tenant", with("operate:tenant."), true, oneOf("any")},
		{"a JSON Web Token", func(w *world) string { with("acquire:job", "acquire:other")(w); return "Bearer jwt.caller" }, true, oneOf("any", "read", "acquire")},
	}
}

// requestOf returns a valid request for an operation of the contract. Its leases are job and other.
func requestOf(path, method string) (target, body string) {
	for name, value := range map[string]string{"{name}": "job", "{type}": "held", "{principal}": "billing", "{id}": "zzzzzzzzzz"} {
		path = strings.Replace(path, name, value, 1)
	}
	if method == http.MethodGet {
		switch path {
		case "/v1/leases/job/check":
			path += "?token=1"
		case "/v1/leases":
			path += "?prefix=job"
		case "/v1/watch":
			path += "?name=job&wait_ms=0"
		}
		return path, ""
	}
	bodies := map[string]string{"/v1/auth": `{"mode":"on"}`, "/v1/principals/billing": `{"rules":["read:*"]}`, "/v1/tokens": `{}`, "/v1/quotas": `{"scope":"billing.","leases":9}`, "/v1/log-level": `{"level":"debug","for_ms":1000}`}
	if b, ok := bodies[path]; ok && method != http.MethodDelete {
		return path, b
	}
	if path == "/v1/quotas" {
		return path + "?scope=billing.", ""
	}
	if b, ok := valid[path]; ok {
		raw, _ := json.Marshal(b)
		return path, string(raw)
	}
	return path, ""
}

// filters reports whether a route shows what the caller may see instead of refusing the request.
func filters(path string) bool {
	return slices.Contains([]string{"/v1/leases", "/v1/stats", "/v1/events", "/v1/holders"}, path)
}

// TestRightsOfEveryRoute sends a request to each route of the contract as each kind of caller, while authentication is
// off, permissive and on. The right that a route needs is that of x-lockd-right. With authentication on, it also does so
// over TLS, at a node that lags behind, and at a node without a leader. --insecure has no effect on a server without TLS:
// it concerns the start of a node.
func TestRightsOfEveryRoute(t *testing.T) {
	others := settings(t)
	for path, item := range contract(t).doc.Paths.Map() {
		for method, op := range item.Operations() {
			right, _ := op.Extensions["x-lockd-right"].(string)
			if right == "" {
				t.Fatalf("%s %s has no x-lockd-right", method, path)
			}
			t.Run(method+" "+path, func(t *testing.T) {
				t.Parallel()
				for _, mode := range []access.Mode{access.Off, access.Permissive, access.On} {
					for _, id := range identities() {
						checkRight(t, path, method, op, right, setting{mode: mode}, sender{identity: id})
					}
				}
				for _, at := range others {
					for _, id := range at.senders {
						checkRight(t, path, method, op, right, at, id)
					}
				}
			})
		}
	}
}

func checkRight(t *testing.T, path, method string, op *openapi3.Operation, right string, at setting, id sender) {
	t.Helper()
	log := &auditLog{}
	w := newWorld(t, func(c *api.Config) { c.JWT, c.Audit = jwt{}, log; at.configure(c) })
	defer func() { _ = w.stop() }()
	at.connect(w, id.certificate)
	w.admin()
	mode := at.mode
	w.change(w, access.Change{Kind: access.SetMode, Mode: mode})
	at.before(w)
	credential := id.credential(w)
	at.after(w)
	w.node.mu.Lock()
	before := w.machine.Hash()
	w.node.mu.Unlock()

	target, body := requestOf(path, method)
	var headers []string
	if credential != "" {
		headers = []string{"Authorization", credential}
	}
	a := w.send(method, target, body, headers...)

	needed := right != "none" && (mode == access.On || manages(op))
	want := 0
	switch {
	case needed && !id.authenticated:
		want = http.StatusUnauthorized
	case needed && !id.serves(right) && (!filters(path) || right != "read" || id.serves("metrics") && !id.serves("read")):
		want = http.StatusForbidden
	}
	switch {
	case want == 0 && (a.status == http.StatusUnauthorized || a.status == http.StatusForbidden && !ownTokens(op)):
		t.Errorf("%v, %s: %d: %s", at, id.name, a.status, a.body)
	case want != 0 && a.status != want:
		t.Errorf("%v, %s: %d, want %d: %s", at, id.name, a.status, want, a.body)
	}
	if want == 0 {
		return
	}
	kind := map[int]string{401: "unauthenticated", 403: "not-allowed"}[want]
	a.is("type", "/problems/"+kind, "definitive", "true", "lost", "")
	w.node.mu.Lock()
	after := w.machine.Hash()
	w.node.mu.Unlock()
	if before != after {
		t.Errorf("%v, %s: a refused request changed the state", at, id.name)
	}
	if line := log.last(); line.Decision != audit.Deny || line.Status != want || line.Reason == "" || line.Action == "" {
		t.Errorf("%v, %s: the audit log ends with %+v", at, id.name, line)
	}
}

// manages reports whether a route is one of principals, tokens or the log, which always need a credential.
func manages(op *openapi3.Operation) bool {
	return op.Tags[0] == "access" && op.OperationID != "getAuth" || strings.HasSuffix(op.OperationID, "LogLevel")
}

// ownTokens reports whether a route of the right any refuses what is not the caller's own.
func ownTokens(op *openapi3.Operation) bool { return op.OperationID == "revokeToken" }
