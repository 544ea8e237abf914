package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/api"
	"github.com/lockd/lockd/internal/audit"
	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/fsm/document"
	"github.com/lockd/lockd/internal/kube"
)

// objects implements api.Objects for a node of a test.
type objects struct{ *node }

func (o objects) Object(k document.Key) *document.Document {
	o.mu.Lock()
	defer o.mu.Unlock()
	return fsm.Documents(o.machine).Get(k)
}

func (o objects) Objects() (*document.Table, uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return fsm.Documents(o.machine).Copy(), o.machine.Revision()
}

func (objects) Reached(context.Context, uint64) error { return nil }

func (o objects) NextObjects(
	ctx context.Context, after uint64, match func(*document.Change) bool, most int,
) ([]*document.Change, uint64, error) {
	return o.node.objects.Objects.Next(ctx, after, match, most)
}

func withObjects(c *api.Config) { c.Objects = objects{c.Leases.(*node)} }

const (
	kubeLeases     = "/apis/coordination.k8s.io/v1/namespaces/%s/leases"
	kubeCandidates = "/apis/coordination.k8s.io/v1beta1/namespaces/%s/leasecandidates"
	kubeEvents     = "/api/v1/namespaces/%s/events"
	mergePatch     = "application/merge-patch+json"
)

// kube sends a request to the Kubernetes API.
func (w *world) kube(method, path, body, credential string, headers ...string) *answer {
	w.Helper()
	r, err := http.NewRequestWithContext(w.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	if credential != "" {
		r.Header.Set("Authorization", credential)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := w.client.Do(r)
	if err != nil {
		w.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.Fatal(err)
	}
	return &answer{t: w.T, status: resp.StatusCode, header: resp.Header, body: b}
}

// kubeFrames returns what a watch sends at once.
func (w *world) kubeFrames(path, credential string) *answer {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), 15*time.Millisecond)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+path, nil)
	if err != nil {
		w.Fatal(err)
	}
	r.Header.Set("Authorization", credential)
	a := &answer{t: w.T}
	if resp, err := w.client.Do(r); err == nil {
		a.body, _ = io.ReadAll(resp.Body) // until the context ends
		_ = resp.Body.Close()
	}
	return a
}

// kubeBody returns an object of a resource with a name. It is about a lease, and has a mark as a label.
func kubeBody(plural, name, version, about, mark string) string {
	labels := fmt.Sprintf(`{"name":%q,"resourceVersion":%q,"labels":{"mark":%q}}`, name, version, mark)
	switch plural {
	case "leases":
		return `{"metadata":` + labels + `,"spec":{}}`
	case "leasecandidates":
		return fmt.Sprintf(`{"metadata":%s,"spec":{"leaseName":%q,"binaryVersion":"1.2.0","emulationVersion":"1.2.0","strategy":"example.com/none"}}`, labels, about)
	}
	return fmt.Sprintf(`{"metadata":%s,"involvedObject":{"kind":"Lease","name":%q,"namespace":"default"},"reason":"Test"}`, labels, about)
}

// kubeRequest is a request for a route of the Kubernetes API. Its objects are web, and all are about the lease
// k8s/default/web.
type kubeRequest struct {
	kube.Route
	target, body string
	headers      []string
	plural       string // of the resource; empty: it has no objects
	one          bool   // it is for one object
}

func kubeRequestOf(r kube.Route, version string) kubeRequest {
	q := kubeRequest{Route: r, headers: []string{"Content-Type", "application/json"}}
	for name, value := range map[string]string{
		"{namespace}": "default", "{object}": "web", "{version}": "v1", "{group}": "coordination.k8s.io", "/*": "/apis/coordination.k8s.io/v1",
	} {
		r.Path = strings.Replace(r.Path, name, value, 1)
	}
	q.target = r.Path
	path := strings.TrimSuffix(r.Path, "/web")
	q.one = path != r.Path
	switch last := path[strings.LastIndexByte(path, '/')+1:]; last {
	case "leases", "leasecandidates", "events":
		q.plural = last
	}
	events := strings.HasPrefix(r.Path, "/apis/events.k8s.io")
	switch {
	case r.Method == http.MethodPost && q.plural == "":
		q.body = `{}`
	case r.Method == http.MethodPost && events:
		q.body = `{"metadata":{"name":"new"},"regarding":{"kind":"Lease","name":"web","namespace":"default"},"reason":"Test","action":"Test","type":"Normal","note":"x","eventTime":"2026-01-02T03:04:05.000001Z","reportingController":"a.b/c","reportingInstance":"c"}`
	case r.Method == http.MethodPost:
		name, about := "new", "web"
		if q.plural == "leases" {
			name = "web2"
		}
		q.body = kubeBody(q.plural, name, "", about, "x")
	case r.Method == http.MethodPut && events:
		q.body = `{"metadata":{"labels":{"mark":"y"}},"regarding":{"kind":"Lease","name":"web","namespace":"default"},"reason":"Test"}`
	case r.Method == http.MethodPut:
		q.body = kubeBody(q.plural, "web", version, "web", "y")
	case r.Method == http.MethodPatch:
		q.body, q.headers[1] = `{"metadata":{"labels":{"mark":"y"}}}`, mergePatch
	}
	return q
}

// kubeCallers are callers with the rights that they have, and whether these are for the lease of the request.
var kubeCallers = []struct {
	name   string
	rules  []string
	covers access.Right // what the rules allow with k8s/default/web; 0: nothing
	some   access.Right // what they allow with some lease
}{
	{"a reader of the namespace", []string{"read:k8s/default/"}, access.Read, access.Read},
	{"a holder of the namespace", []string{"acquire:k8s/default/"}, access.Acquire, access.Acquire},
	{"an operator of the namespace", []string{"operate:k8s/default/"}, access.Operate, access.Operate},
	{"a reader of the lease", []string{"read:k8s/default/web", "read:k8s/default/web2"}, access.Read, access.Read},
	{"a holder of the lease", []string{"acquire:k8s/default/web", "acquire:k8s/default/web2"}, access.Acquire, access.Acquire},
	{"an operator of another namespace", []string{"operate:k8s/other/"}, 0, access.Operate},
	{"an operator of another lease", []string{"operate:k8s/default/we", "operate:k8s/default/web-"}, 0, access.Operate},
	{"a holder of lockd's leases", []string{"acquire:default/web"}, 0, access.Acquire},
	{"an administrator", []string{"admin"}, access.Operate, access.Operate},
	{"a scraper", []string{"metrics"}, 0, 0},
}

// has reports whether a right includes another one.
func has(right, needed access.Right) bool {
	order := map[access.Right]int{access.Any: 0, access.Read: 1, access.Acquire: 2, access.Operate: 3}
	return right != 0 && order[right] >= order[needed] || needed == access.Any
}

// seededWorld has the objects web of each resource, and returns their versions.
func seededWorld(t *testing.T, change ...func(*api.Config)) (*world, map[string]string) {
	t.Helper()
	w := newWorld(t, append([]func(*api.Config){withObjects}, change...)...)
	versions := make(map[string]string)
	for plural, path := range map[string]string{"leases": kubeLeases, "leasecandidates": kubeCandidates, "events": kubeEvents} {
		made := w.kube(http.MethodPost, fmt.Sprintf(path, "default"), kubeBody(plural, "web", "", "web", "hidden"), "", "Content-Type", "application/json").want(201)
		versions[plural] = made.text("metadata", "resourceVersion")
	}
	return w, versions
}

func (w *world) hash() string {
	w.node.mu.Lock()
	defer w.node.mu.Unlock()
	return w.machine.Hash()
}

// TestRightsOfEveryKubernetesRoute sends a request to each route of the Kubernetes API as each kind of caller, while
// authentication is off, permissive and on, also as a dry run. Objects about a lease that the caller may not use are
// answered like those that do not exist.
func TestRightsOfEveryKubernetesRoute(t *testing.T) {
	for _, route := range kube.New(kube.Config{Now: time.Now}).Routes() {
		t.Run(route.Method+" "+route.Path, func(t *testing.T) {
			t.Parallel()
			for _, mode := range []access.Mode{access.Off, access.Permissive, access.On} {
				dry := []string{"", "?dryRun=All"}
				if mode == access.Off || route.Method == http.MethodGet {
					dry = dry[:1]
				}
				for _, dry := range dry {
					for _, credential := range []string{"", "Basic b3BzOm9wcw==", "Bearer lockd_"} {
						checkStranger(t, route, mode, dry, credential)
					}
					for i := range kubeCallers {
						if mode == access.Off && i > 0 {
							break
						}
						checkKubeCaller(t, route, mode, dry, i)
					}
				}
			}
		})
	}
}

func checkStranger(t *testing.T, route kube.Route, mode access.Mode, dry, credential string) {
	t.Helper()
	log := &auditLog{}
	w, versions := seededWorld(t, func(c *api.Config) { c.Audit = log })
	defer func() { _ = w.stop() }()
	w.admin()
	w.change(w, access.Change{Kind: access.SetMode, Mode: mode})
	q := kubeRequestOf(route, "")
	q = kubeRequestOf(route, versions[q.plural])
	before := w.hash()
	a := w.kube(q.Method, q.target+dry, q.body, credential, q.headers...)
	switch {
	case mode == access.On && (a.status != http.StatusUnauthorized || a.text("reason") != "Unauthorized" || w.hash() != before):
		t.Errorf("%v%s, %q: %d %s", mode, dry, credential, a.status, a.body)
	case mode == access.On && (log.last().Decision != audit.Deny || log.last().Action != route.Action):
		t.Errorf("%v%s, %q: the audit log ends with %+v", mode, dry, credential, log.last())
	case mode != access.On && a.status > 299:
		t.Errorf("%v%s, %q: %d %s", mode, dry, credential, a.status, a.body)
	}
}

func checkKubeCaller(t *testing.T, route kube.Route, mode access.Mode, dry string, who int) {
	t.Helper()
	caller := kubeCallers[who]
	log := &auditLog{}
	w, versions := seededWorld(t, func(c *api.Config) { c.Audit = log })
	defer func() { _ = w.stop() }()
	w.admin()
	credential := w.token(w, "caller", caller.rules...)
	w.change(w, access.Change{Kind: access.SetMode, Mode: mode})
	q := kubeRequestOf(route, "")
	q = kubeRequestOf(route, versions[q.plural])
	before := w.hash()
	a := w.kube(q.Method, q.target+dry, q.body, credential, q.headers...)

	served, hidden := has(caller.some, route.Right), q.plural != "" && !has(caller.covers, route.Right)
	filters := q.plural != "" && !q.one && (q.Method == http.MethodGet || q.Method == http.MethodDelete)
	want := 0
	switch {
	case mode != access.On || served && !hidden:
	case !served || hidden && !filters && (q.plural == "leases" || !q.one):
		want = http.StatusForbidden
	case hidden && !filters:
		want = http.StatusNotFound
	}
	switch {
	case want != a.status && (want != 0 || a.status > 299):
		t.Errorf("%v%s, %s: %d, want %d: %s", mode, dry, caller.name, a.status, want, a.body)
	case want != 0 && w.hash() != before:
		t.Errorf("%v%s, %s: a refused request changed the state", mode, dry, caller.name)
	case want != 0 && (log.last().Decision != audit.Deny || log.last().Reason == ""):
		t.Errorf("%v%s, %s: the audit log ends with %+v", mode, dry, caller.name, log.last())
	case want == http.StatusForbidden && q.plural != "" && !strings.Contains(string(a.body), `cannot `):
		t.Errorf("%v%s, %s: the refusal does not say what is refused: %s", mode, dry, caller.name, a.body)
	case dry != "" && w.hash() != before:
		t.Errorf("%v, %s: a dry run changed the state", mode, caller.name)
	}
	if mode == access.On && hidden && !has(caller.covers, access.Read) && strings.Contains(string(a.body), "hidden") {
		t.Errorf("%s%s sees a hidden object: %s", caller.name, dry, a.body)
	}
}

// TestKubernetesObjectsAreSeenWithinTheRulesOnly checks, for random rules, that no answer has anything of an object about
// a lease that the caller may not read, and that such an object is answered like one that does not exist.
func TestKubernetesObjectsAreSeenWithinTheRulesOnly(t *testing.T) {
	rule := rapid.Custom(func(t *rapid.T) string {
		right := rapid.SampledFrom([]string{"read", "acquire", "operate"}).Draw(t, "right")
		return right + ":" + rapid.SampledFrom([]string{"k8s/", "k8s/default/", "k8s/default/a", "k8s/default/a-", "k8s/default/b", "k8s/other/", "k8s/other/a", "default/"}).Draw(t, "scope")
	})
	for seed := range 10 {
		w := newWorld(t, withObjects)
		w.admin()
		subjects := make(map[string]string) // of marks
		for _, namespace := range []string{"default", "other"} {
			for _, lease := range []string{"a", "a-1", "b"} {
				for plural, path := range map[string]string{"leases": kubeLeases, "leasecandidates": kubeCandidates, "events": kubeEvents} {
					name, mark := lease, fmt.Sprintf("mark.%s.%s.%s", plural, namespace, lease)
					subjects[mark] = document.LeaseName(namespace, lease)
					body := strings.Replace(kubeBody(plural, name, "", lease, mark), `"namespace":"default"`, `"namespace":"`+namespace+`"`, 1)
					w.kube(http.MethodPost, fmt.Sprintf(path, namespace), body, "", "Content-Type", "application/json").want(201)
				}
			}
		}
		text := rapid.SliceOfN(rule, 1, 4).Example(seed)
		credential := w.token(w, "caller", text...)
		rules, err := access.ParseRules(text)
		if err != nil {
			t.Fatal(err)
		}
		w.change(w, access.Change{Kind: access.SetMode, Mode: access.On})
		check := func(what string, a *answer) {
			t.Helper()
			for mark, subject := range subjects {
				if !rules.Allow(access.Read, subject) && strings.Contains(string(a.body), mark+`"`) {
					t.Errorf("rules %v: %s shows %s: %s", text, what, mark, a.body)
				}
			}
		}
		for _, path := range []string{kubeLeases, kubeCandidates, kubeEvents} {
			all := strings.Replace(path, "namespaces/%s/", "", 1)
			for _, list := range []string{all, fmt.Sprintf(path, "default"), fmt.Sprintf(path, "other")} {
				for _, query := range []string{"", "?limit=1", "?labelSelector=mark", "?fieldSelector=metadata.name%3Da"} {
					check(list+query, w.kube(http.MethodGet, list+query, "", credential))
				}
				query := "?watch=true" + []string{"", "&resourceVersion=1"}[seed%2]
				check(list+query, w.kubeFrames(list+query, credential))
			}
			for _, namespace := range []string{"default", "other"} {
				for _, name := range []string{"a", "a-1", "b"} {
					checkHidden(w, path, namespace, name, credential, rules, check)
				}
			}
			check("deletion", w.kube(http.MethodDelete, fmt.Sprintf(path, "default")+"?dryRun=All", "", credential))
		}
		_ = w.stop()
	}
}

// checkHidden sends requests for one object, and compares the answers with those for one that does not exist.
func checkHidden(w *world, path, namespace, name, credential string, rules access.Rules, check func(string, *answer)) {
	w.Helper()
	one := fmt.Sprintf(path, namespace) + "/"
	event := path == kubeEvents
	move := `{"metadata":{"labels":{"x":"y"}}}`
	if event { // to a lease that the caller may write
		move = `{"involvedObject":{"name":"a"}}`
	}
	for _, r := range []struct{ method, query, body, contentType string }{
		{http.MethodGet, "", "", ""}, {http.MethodGet, "?resourceVersion=999999", "", ""},
		{http.MethodDelete, "?dryRun=All", "", ""}, {http.MethodDelete, "", `{"preconditions":{"uid":"u"}}`, "application/json"},
		{http.MethodPatch, "?dryRun=All", move, mergePatch}, {http.MethodPatch, "", move, mergePatch},
		{http.MethodPatch, "?dryRun=All", `[{"op":"test","path":"/metadata/labels/mark","value":"x"}]`, "application/json-patch+json"},
		{http.MethodPut, "?dryRun=All", `{"metadata":{"uid":"u","resourceVersion":"1"}}`, "application/json"},
	} {
		a := w.kube(r.method, one+name+r.query, r.body, credential, "Content-Type", r.contentType)
		check(r.method+" "+one+name+r.query+" "+r.body, a)
		if rules.Allow(access.Read, document.LeaseName(namespace, name)) || event && r.method == http.MethodPut {
			continue
		}
		none := w.kube(r.method, one+"zz"+r.query, r.body, credential, "Content-Type", r.contentType)
		if rules.Allow(access.Read, document.LeaseName(namespace, "zz")) {
			continue
		}
		if a.status != none.status || strings.ReplaceAll(string(a.body), `\"`+name+`\"`, `\"zz\"`) != string(none.body) && strings.ReplaceAll(strings.ReplaceAll(string(a.body), `"`+name+`"`, `"zz"`), `\"`+name+`\"`, `\"zz\"`) != string(none.body) {
			w.Errorf("rules %v: %s %s%s: %d %s; one that does not exist: %d %s", rules.Strings(), r.method, one+name, r.query, a.status, a.body, none.status, none.body)
		}
	}
}

// TestRevocationEndsAKubernetesWatch: what happens after the revocation is not sent.
func TestRevocationEndsAKubernetesWatch(t *testing.T) {
	for what, revoke := range map[string]access.Change{
		"the token is deleted":     {Kind: access.DeleteToken},
		"the principal is deleted": {Kind: access.DeletePrincipal, Principal: access.Principal{Name: "caller"}},
		"the rules change":         {Kind: access.SetPrincipal, Principal: access.Principal{Name: "caller", Rules: access.Rules{{Right: access.Read, Scope: "k8s/other/"}}}},
	} {
		w, _ := seededWorld(t)
		w.admin()
		credential := w.token(w, "caller", "read:k8s/default/")
		ops := w.token(w, "writer", "acquire:k8s/")
		w.change(w, access.Change{Kind: access.SetMode, Mode: access.On})
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+fmt.Sprintf(kubeLeases, "default")+"?watch=true", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", credential)
		resp, err := w.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		frames := bufio.NewReader(resp.Body)
		if line, err := frames.ReadString('\n'); err != nil || !strings.Contains(line, "ADDED") {
			t.Fatalf("%s: %q, %v", what, line, err)
		}
		if revoke.Kind == access.DeleteToken {
			token, _ := access.NewToken(counting{"caller"})
			revoke.Token.ID = token.ID
		}
		w.change(w, revoke)
		eventually(t, "the watch has ended", func() bool { return w.watchers() == 0 })
		w.kube(http.MethodPost, fmt.Sprintf(kubeLeases, "default"), kubeBody("leases", "later", "", "", "x"), ops, "Content-Type", "application/json").want(201)
		if rest, err := io.ReadAll(frames); err != nil || len(rest) > 0 {
			t.Errorf("%s: the watch goes on with %q, %v", what, rest, err)
		}
		_ = resp.Body.Close()
		_ = w.stop()
	}
}

// TestEventStaysWithItsLease: who may write Events about one lease cannot take over those about another one.
func TestEventStaysWithItsLease(t *testing.T) {
	w := newWorld(t, withObjects)
	w.admin()
	events := fmt.Sprintf(kubeEvents, "default")
	w.kube(http.MethodPost, events, kubeBody("events", "e", "", "secret", "hidden"), "", "Content-Type", "application/json").want(201)
	w.kube(http.MethodPost, fmt.Sprintf(kubeLeases, "default"), `{"metadata":{"name":"secret"},"spec":{"holderIdentity":"x","leaseDurationSeconds":60}}`, "", "Content-Type", "application/json").want(201)
	var list struct {
		Items []struct{ Metadata struct{ Name string } }
	}
	if err := json.Unmarshal(w.kube(http.MethodGet, events+"?fieldSelector=reason%3DAcquired", "", "").body, &list); err != nil || len(list.Items) != 1 {
		t.Fatalf("the events of the lease: %+v, %v", list, err)
	}
	credential := w.token(w, "caller", "acquire:k8s/default/web")
	w.change(w, access.Change{Kind: access.SetMode, Mode: access.On})
	own := func(name string) string { return kubeBody("events", name, "", "web", "mine") }
	w.kube(http.MethodPut, events+"/e", own("e"), credential, "Content-Type", "application/json").want(404)
	w.kube(http.MethodPatch, events+"/e", `{"involvedObject":{"name":"web"}}`, credential, "Content-Type", mergePatch).want(404)
	w.kube(http.MethodDelete, events+"/e", "", credential).want(404)
	w.kube(http.MethodPost, events, own("mine"), credential, "Content-Type", "application/json").want(201)
	w.kube(http.MethodPatch, events+"/mine", `{"involvedObject":{"name":"secret"}}`, credential, "Content-Type", mergePatch).want(422)
	// That a name of lockd's own is taken would show that the lease was used.
	w.kube(http.MethodPost, events, own(list.Items[0].Metadata.Name), credential, "Content-Type", "application/json").want(403)
	w.kube(http.MethodPost, events, own("unused.0123456789abcdef"), credential, "Content-Type", "application/json").want(403)
	w.kube(http.MethodPost, events, own("web.0123456789abcdef"), credential, "Content-Type", "application/json").want(201)
}

// TestAuditLogHasDryRunsAsSuch: of a delete, the options in the body count, and not the query.
func TestAuditLogHasDryRunsAsSuch(t *testing.T) {
	log := &auditLog{}
	w, _ := seededWorld(t, func(c *api.Config) { c.Audit = log })
	path := fmt.Sprintf(kubeLeases, "default") + "/web"
	for _, test := range []struct{ query, body, target string }{
		{"?dryRun=All", "", "dry run"}, {"", `{"dryRun":["All"]}`, "dry run"}, {"?dryRun=All", `{"propagationPolicy":"Background"}`, ""},
	} {
		w.kube(http.MethodDelete, path+test.query, test.body, "", "Content-Type", "application/json").want(200)
		if line := log.last(); line.Subject.Target != test.target || len(line.Subject.Names) != 1 {
			t.Errorf("%+v: the audit log ends with %+v", test, line)
		}
	}
	w.kube(http.MethodGet, path, "", "").want(404)
}

// TestAuditLogNamesWhatADeletionOfSeveralDeletes: as far as they fit into a line.
func TestAuditLogNamesWhatADeletionOfSeveralDeletes(t *testing.T) {
	log := &auditLog{}
	w, _ := seededWorld(t, func(c *api.Config) { c.Audit = log })
	path := fmt.Sprintf(kubeLeases, "default")
	w.kube(http.MethodPost, path, kubeBody("leases", "other", "", "", "x"), "", "Content-Type", "application/json").want(201)
	w.kube(http.MethodDelete, path, "", "").want(200)
	if got := log.last().Subject; fmt.Sprint(got.Names) != "[k8s/default/other k8s/default/web]" {
		t.Errorf("the audit log ends with %+v", got)
	}
	for i := range 1_002 {
		d := document.Document{
			Key: document.Key{Kind: document.Lease, Namespace: "default", Name: fmt.Sprint("l", i)}, Subject: fmt.Sprint("k8s/default/l", i), Lease: &document.LeaseSpec{},
		}
		w.set(func(n *node) { n.apply(&fsm.ChangeObject{Write: document.Write{Object: d, ID: 1}}) })
	}
	w.kube(http.MethodDelete, path, "", "").want(200)
	eventually(t, "the audit log names the first thousand", func() bool { // a long answer is sent before its line is written
		got := log.last().Subject
		return len(got.Names) == 1_000 && strings.HasPrefix(got.Target, "1002 objects")
	})
}

// TestReleaseIsNotLimitedByTheRateOfAcquires: renewals and releases are never limited.
func TestReleaseIsNotLimitedByTheRateOfAcquires(t *testing.T) {
	w := newWorld(t, withObjects, func(c *api.Config) { c.MaxAcquireRate = 1 })
	w.admin()
	credential := w.token(w, "caller", "acquire:k8s/default/")
	w.change(w, access.Change{Kind: access.SetMode, Mode: access.On})
	path := fmt.Sprintf(kubeLeases, "default")
	spec := `{"metadata":{"name":"web","resourceVersion":%q},"spec":{"holderIdentity":%q,"leaseDurationSeconds":15,"leaseTransitions":%d}}`
	a := w.kube(http.MethodPost, path, fmt.Sprintf(spec, "", "x", 0), credential, "Content-Type", "application/json").want(201)
	for i := range 3 {
		a = w.kube(http.MethodPut, path+"/web", fmt.Sprintf(spec, a.text("metadata", "resourceVersion"), "x", i+1), credential, "Content-Type", "application/json").want(200)
	}
	a = w.kube(http.MethodPut, path+"/web", fmt.Sprintf(spec, a.text("metadata", "resourceVersion"), "", 9), credential, "Content-Type", "application/json").want(200)
	limited := w.kube(http.MethodPut, path+"/web", fmt.Sprintf(spec, a.text("metadata", "resourceVersion"), "x", 9), credential, "Content-Type", "application/json").want(429)
	if limited.header.Get("Retry-After") == "" || limited.text("reason") != "TooManyRequests" {
		t.Errorf("an acquire above the rate: %v %s", limited.header, limited.body)
	}
}
