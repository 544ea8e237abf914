package kube_test

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

	"github.com/lockd/lockd/internal/app"
	"github.com/lockd/lockd/internal/kube/tree"
	"github.com/lockd/lockd/test/harness/inprocess"
	"github.com/lockd/lockd/test/harness/nodes"
)

const leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases"

// client sends requests as clients of Kubernetes do.
type client struct {
	*testing.T
	*inprocess.Cluster
}

func start(t *testing.T, tune ...func(*app.Config)) *client {
	t.Helper()
	c := inprocess.Start(t, 1, func(cfg *app.Config) {
		for _, f := range tune {
			f(cfg)
		}
	})
	k := &client{t, c}
	nodes.Eventually(t, "the node writes the newest version", func() bool {
		return k.do("GET", leases+"/none", "").code == http.StatusNotFound && k.do("POST", leases+"?dryRun=All", lease("x", "", "")).code == http.StatusCreated
	})
	return k
}

type answer struct {
	code   int
	header http.Header
	body   map[string]any
	text   string
}

// do sends a request. An option "Name: value" is a header.
func (c *client) do(method, path, body string, headers ...string) answer {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, c.Nodes[0].URL(path), strings.NewReader(body))
	if err != nil {
		c.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		c.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.Fatal(err)
	}
	a := answer{code: resp.StatusCode, header: resp.Header, text: string(b)}
	_ = json.Unmarshal(b, &a.body) // an answer can be text
	return a
}

// want checks the status code, and the reason if it is not empty.
func (a answer) want(t *testing.T, code int, reason string, contains ...string) answer {
	t.Helper()
	if a.code != code || reason != "" && a.at("reason") != reason {
		t.Fatalf("%d %s, want %d %s", a.code, a.text, code, reason)
	}
	for _, text := range contains {
		if !strings.Contains(a.text, text) {
			t.Errorf("%s: want %q in it", a.text, text)
		}
	}
	return a
}

// at returns the text at a path such as metadata.name.
func (a answer) at(path string) string {
	var v any = a.body
	for name := range strings.SplitSeq(path, "/") {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// annotation returns an annotation of the object.
func (a answer) annotation(name string) string {
	object := a.body
	if o, ok := object["object"].(map[string]any); ok {
		object = o
	}
	return tree.String(object, "metadata", "annotations", name)
}

func (a answer) version() string { return a.at("metadata/resourceVersion") }

// lease returns the JSON of a Lease. Fields of the spec follow.
func lease(name, version, holder string, spec ...string) string {
	if holder != "" {
		spec = append(spec, `"holderIdentity":`+fmt.Sprintf("%q", holder), `"leaseDurationSeconds":30`)
	}
	return fmt.Sprintf(`{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":%q,"resourceVersion":%q},"spec":{%s}}`,
		name, version, strings.Join(spec, ","))
}

func TestLeaseOfAHolder(t *testing.T) {
	c := start(t)
	made := c.do("POST", leases, lease("demo", "", "node-a", `"renewTime":"2026-01-02T03:04:05.000001+01:00"`)).want(t, 201, "")
	if made.at("spec/renewTime") != "2026-01-02T02:04:05.000001Z" || made.at("metadata/uid") == "" || made.at("metadata/namespace") != "default" {
		t.Errorf("created: %s", made.text)
	}
	token := made.annotation("lockd.io/fencing-token")
	if shown := c.do("GET", "/v1/leases/k8s/default/demo", ""); shown.at("holder") != "node-a" || shown.at("token") != token {
		t.Errorf("lockd shows %s, the token is %q", shown.text, token)
	}
	c.do("POST", leases, lease("demo", "", "node-b")).want(t, 409, "AlreadyExists")
	c.do("PUT", leases+"/demo", lease("demo", made.version(), "node-b")).want(t, 409, "Conflict", `held by \"node-a\"`, " s more unless it renews")
	renewed := c.do("PUT", leases+"/demo", lease("demo", made.version(), "node-a", `"renewTime":"2026-01-02T03:04:06.000001Z"`)).want(t, 200, "")
	if renewed.version() == made.version() || renewed.annotation("lockd.io/fencing-token") != token {
		t.Errorf("renewed: %s", renewed.text)
	}
	same := c.do("PUT", leases+"/demo", lease("demo", renewed.version(), "node-a", `"renewTime":"2026-01-02T03:04:06.000001Z"`)).want(t, 200, "")
	if same.version() != renewed.version() {
		t.Errorf("a write that changes nothing has version %s after %s", same.version(), renewed.version())
	}
	c.do("PUT", leases+"/demo", lease("demo", made.version(), "node-a")).want(t, 409, "Conflict", "the object has been modified")
	freed := c.do("PUT", leases+"/demo", lease("demo", renewed.version(), "", `"holderIdentity":""`, `"leaseDurationSeconds":1`)).want(t, 200, "")
	next := c.do("PUT", leases+"/demo", lease("demo", freed.version(), "node-b")).want(t, 200, "")
	if next.annotation("lockd.io/fencing-token") == token {
		t.Errorf("the next holder has the token %q after %q", next.annotation("lockd.io/fencing-token"), token)
	}
	c.do("DELETE", leases+"/demo", "").want(t, 200, "")
	if shown := c.do("GET", "/v1/leases/k8s/default/demo/history", ""); !strings.Contains(shown.text, "the Kubernetes Lease was deleted") {
		t.Errorf("the history does not say who broke the hold: %s", shown.text)
	}
}

// TestWriteEndsNoHoldOfASession: a client whose hold has expired may write its release all the same, over the newest version.
// While no credential is needed, that must not end the hold that a client of lockd's own API has by then.
func TestWriteEndsNoHoldOfASession(t *testing.T) {
	c := start(t)
	c.do("POST", leases, lease("demo", "", "")).want(t, 201, "")
	c.do("POST", "/v1/leases/k8s/default/demo/acquire", `{"holder":"curl","session":"session-00000001"}`, "Content-Type: application/json").want(t, 201, "")
	now := c.do("GET", leases+"/demo", "").want(t, 200, "")
	c.do("PUT", leases+"/demo", lease("demo", now.version(), "", `"holderIdentity":""`, `"leaseDurationSeconds":1`)).want(t, 409, "Conflict", `held by \"curl\"`)
	c.do("DELETE", leases+"/demo", `{"preconditions":{"resourceVersion":"`+now.version()+`"}}`).want(t, 409, "Conflict", `held by \"curl\"`)
	if shown := c.do("GET", "/v1/leases/k8s/default/demo", ""); shown.at("holder") != "curl" {
		t.Errorf("the lease has %s", shown.text)
	}
	c.do("DELETE", leases+"/demo", "").want(t, 200, "") // an operator
	if shown := c.do("GET", "/v1/leases/k8s/default/demo", ""); shown.at("state") != "free" {
		t.Errorf("after the delete the lease has %s", shown.text)
	}
}

// TestExpiredLeaseLosesItsHolder: a watcher sees it, and the next candidate need not wait for its own clock.
func TestExpiredLeaseLosesItsHolder(t *testing.T) {
	c := start(t)
	made := c.do("POST", leases, lease("demo", "", "", `"holderIdentity":"node-a"`, `"leaseDurationSeconds":1`)).want(t, 201, "")
	frames := c.watch(leases + "?watch=true&resourceVersion=" + made.version())
	if got := frames.next(); got.at("type") != "MODIFIED" || got.at("object/spec/holderIdentity") != "" || got.at("object/spec/leaseDurationSeconds") != "1" {
		t.Errorf("the frame is %s", got.text)
	}
	events := c.do("GET", "/api/v1/namespaces/default/events?fieldSelector=involvedObject.name%3Ddemo,involvedObject.uid%3D"+made.at("metadata/uid"), "")
	events.want(t, 200, "", "node-a became leader with the fencing token", "did not renew in time")
}

func TestWritesAreRefusedAsByKubeAPIServer(t *testing.T) {
	c := start(t)
	made := c.do("POST", leases, lease("demo", "", "node-a"))
	for what, test := range map[string]struct {
		answer answer
		code   int
		reason string
		text   string
	}{
		"get of nothing":        {c.do("GET", leases+"/none", ""), 404, "NotFound", `leases.coordination.k8s.io \"none\" not found`},
		"no version":            {c.do("PUT", leases+"/demo", lease("demo", "", "node-a")), 422, "Invalid", "must be specified for an update"},
		"version 0":             {c.do("PUT", leases+"/demo", lease("demo", "0", "node-a")), 422, "Invalid", "must be specified for an update"},
		"another name":          {c.do("PUT", leases+"/demo", lease("other", "", "node-a")), 400, "BadRequest", "does not match the name on the URL"},
		"another namespace":     {c.do("POST", leases, `{"metadata":{"name":"x","namespace":"other"}}`), 400, "BadRequest", "does not match the namespace"},
		"an invalid name":       {c.do("POST", leases, lease("Demo", "", "")), 422, "Invalid", "metadata.name"},
		"a duration of 0":       {c.do("POST", leases, lease("x", "", "", `"leaseDurationSeconds":0`)), 422, "Invalid", "must be greater than 0"},
		"a duration of a week":  {c.do("POST", leases, lease("x", "", "", `"holderIdentity":"a"`, `"leaseDurationSeconds":604800`)), 422, "Invalid", "from 1 to 86400"},
		"a holder that is long": {c.do("POST", leases, lease("x", "", strings.Repeat("h", 201))), 422, "Invalid", "spec.holderIdentity"},
		"a strict unknown field": {
			c.do("POST", leases+"?fieldValidation=Strict", lease("x", "", "", `"x":1`)), 400, "BadRequest", `strict decoding error: unknown field \"spec.x\"`,
		},
		"a patch of nothing": {c.do("PATCH", leases+"/none", `{}`, "Content-Type: application/merge-patch+json"), 404, "NotFound", ""},
		"a patch of another version": {
			c.do("PATCH", leases+"/demo", `{"metadata":{"resourceVersion":"1"}}`, "Content-Type: application/merge-patch+json"), 409, "Conflict", "",
		},
		"a patch without a type":   {c.do("PATCH", leases+"/demo", `{}`, "Content-Type: text/plain"), 415, "UnsupportedMediaType", ""},
		"an apply without manager": {c.do("PATCH", leases+"/demo", `{}`, "Content-Type: application/apply-patch+yaml"), 422, "Invalid", "fieldManager"},
		"a delete of another": {
			c.do("DELETE", leases+"/demo", `{"preconditions":{"uid":"u"}}`), 409, "Conflict", "Precondition failed",
		},
		"an unknown selector":     {c.do("GET", leases+"?fieldSelector=spec.x%3D1", ""), 400, "BadRequest", "is not a known field selector"},
		"a version that is ahead": {c.do("GET", leases+"/demo?resourceVersion=999999", ""), 504, "Timeout", "Too large resource version"},
		"an initial watch":        {c.do("GET", leases+"?watch=true&sendInitialEvents=true", ""), 422, "Invalid", "resourceVersionMatch"},
		"a method":                {c.do("POST", leases+"/demo", "{}"), 405, "MethodNotAllowed", ""},
		"an unknown path":         {c.do("GET", "/apis/coordination.k8s.io/v1/none", ""), 404, "", "404 page not found"},
	} {
		if test.answer.code != test.code || test.answer.at("reason") != test.reason || !strings.Contains(test.answer.text, test.text) {
			t.Errorf("%s: %d %s; want %d %s %q", what, test.answer.code, test.answer.text, test.code, test.reason, test.text)
		}
	}
	if now := c.do("GET", leases+"/demo", ""); now.version() != made.version() {
		t.Errorf("a refused write changed the object: %s", now.text)
	}
	warned := c.do("POST", leases, lease("warned", "", "", `"x":1`)).want(t, 201, "")
	if got := warned.header.Get("Warning"); got != `299 - "unknown field \"spec.x\""` {
		t.Errorf("the warning is %q", got)
	}
}

func TestPatches(t *testing.T) {
	c := start(t)
	made := c.do("POST", leases, lease("demo", "", "node-a")).want(t, 201, "")
	merged := c.do("PATCH", leases+"/demo", `{"metadata":{"labels":{"a":"b"}}}`, "Content-Type: application/merge-patch+json").want(t, 200, "")
	if merged.at("metadata/labels/a") != "b" || merged.at("spec/holderIdentity") != "node-a" || merged.version() == made.version() {
		t.Errorf("merged: %s", merged.text)
	}
	again := c.do("PATCH", leases+"/demo", `{"metadata":{"labels":{"a":"b"}}}`, "Content-Type: application/merge-patch+json").want(t, 200, "")
	if again.version() != merged.version() {
		t.Errorf("the same patch made the version %s of %s", again.version(), merged.version())
	}
	c.do("PATCH", leases+"/demo", `[{"op":"test","path":"/metadata/labels/a","value":"c"}]`, "Content-Type: application/json-patch+json").want(t, 422, "Invalid")
	c.do("PATCH", leases+"/demo", `{"spec":{"holderIdentity":"node-b"}}`, "Content-Type: application/strategic-merge-patch+json").want(t, 409, "Conflict", "held by")
	token := c.do("PATCH", leases+"/demo", `{"metadata":{"annotations":{"lockd.io/fencing-token":"999999999"}}}`, "Content-Type: application/merge-patch+json").want(t, 200, "")
	if token.annotation("lockd.io/fencing-token") == "999999999" {
		t.Error("a client has written the fencing token")
	}
	apply := func(manager, body string) answer {
		return c.do("PATCH", leases+"/applied?fieldManager="+manager, body, "Content-Type: application/apply-patch+yaml")
	}
	const body = "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {name: applied, labels: {x: %q}}\n"
	first := apply("one", fmt.Sprintf(body, "1")).want(t, 201, "")
	if second := apply("one", fmt.Sprintf(body, "1")).want(t, 200, ""); second.version() != first.version() {
		t.Errorf("applied twice, the version is %s after %s", second.version(), first.version())
	}
	apply("two", fmt.Sprintf(body, "2")).want(t, 409, "Conflict", "FieldManagerConflict")
	apply("two&force=true", fmt.Sprintf(body, "2")).want(t, 200, "")
}

func TestDryRunStoresNothing(t *testing.T) {
	c := start(t)
	c.do("POST", leases+"?dryRun=All", lease("demo", "", "node-a")).want(t, 201, "")
	c.do("GET", leases+"/demo", "").want(t, 404, "NotFound")
	made := c.do("POST", leases, lease("demo", "", "node-a"))
	c.do("PATCH", leases+"/demo?dryRun=All", `{"metadata":{"labels":{"a":"b"}}}`, "Content-Type: application/merge-patch+json").want(t, 200, "", `"a":"b"`)
	c.do("DELETE", leases+"/demo", `{"dryRun":["All"]}`).want(t, 200, "")
	c.do("DELETE", leases+"/demo?dryRun=All", "").want(t, 200, "")
	c.do("PUT", leases+"/demo?dryRun=Some", lease("demo", made.version(), "node-a")).want(t, 422, "Invalid")
	if now := c.do("GET", leases+"/demo", "").want(t, 200, ""); now.version() != made.version() || now.at("metadata/labels/a") != "" {
		t.Errorf("a dry run has changed the object: %s", now.text)
	}
}

func TestListsComeInPages(t *testing.T) {
	c := start(t)
	for i := range 5 {
		c.do("POST", leases, fmt.Sprintf(`{"metadata":{"name":"l%d","labels":{"odd":"%t"}}}`, i, i%2 == 1)).want(t, 201, "")
	}
	c.do("POST", strings.Replace(leases, "default", "other", 1), lease("l9", "", "")).want(t, 201, "")
	names := func(a answer) (all []string) {
		items, _ := a.body["items"].([]any)
		for _, i := range items {
			all = append(all, answer{body: i.(map[string]any)}.at("metadata/name"))
		}
		return all
	}
	var all []string
	next, version := "", ""
	for {
		page := c.do("GET", leases+"?limit=2&continue="+next, "").want(t, 200, "")
		all = append(all, names(page)...)
		if version != "" && page.version() != version {
			t.Errorf("a page has the version %s, the first one %s", page.version(), version)
		}
		if next, version = page.at("metadata/continue"), page.version(); next == "" {
			break
		}
	}
	if got := strings.Join(all, " "); got != "l0 l1 l2 l3 l4" {
		t.Errorf("the pages have %s", got)
	}
	if got := names(c.do("GET", leases+"?labelSelector=odd%3Dtrue", "")); strings.Join(got, " ") != "l1 l3" {
		t.Errorf("selected by label: %v", got)
	}
	if got := names(c.do("GET", "/apis/coordination.k8s.io/v1/leases?fieldSelector=metadata.namespace%21%3Ddefault", "")); strings.Join(got, " ") != "l9" {
		t.Errorf("selected by namespace: %v", got)
	}
	c.do("DELETE", leases+"?labelSelector=odd%3Dtrue", "").want(t, 200, "")
	if got := names(c.do("GET", leases, "")); strings.Join(got, " ") != "l0 l2 l4" {
		t.Errorf("after the deletion of the odd ones: %v", got)
	}
}

// frames are the frames of a watch.
type frames struct {
	*testing.T
	lines *bufio.Scanner
}

func (c *client) watch(path string, headers ...string) *frames {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), 20*time.Second)
	c.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Nodes[0].URL(path), nil)
	if err != nil {
		c.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() { _ = resp.Body.Close() })
	if resp.StatusCode != http.StatusOK {
		c.Fatalf("the watch is answered with %s", resp.Status)
	}
	return &frames{c.T, bufio.NewScanner(resp.Body)}
}

func (f *frames) next() answer {
	f.Helper()
	if !f.lines.Scan() {
		f.Fatalf("the watch has ended: %v", f.lines.Err())
	}
	a := answer{text: f.lines.Text()}
	if err := json.Unmarshal(f.lines.Bytes(), &a.body); err != nil {
		f.Fatal(err)
	}
	return a
}

func (f *frames) want(event, name string) answer {
	f.Helper()
	a := f.next()
	if a.at("type") != event || a.at("object/metadata/name") != name {
		f.Fatalf("the frame is %s, want %s %s", a.text, event, name)
	}
	return a
}

func TestWatch(t *testing.T) {
	c := start(t)
	c.do("POST", leases, `{"metadata":{"name":"a","labels":{"x":"1"}}}`).want(t, 201, "")
	all := c.watch(leases + "?watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan")
	all.want("ADDED", "a")
	if mark := all.want("BOOKMARK", ""); mark.annotation("k8s.io/initial-events-end") != "true" {
		t.Errorf("the bookmark is %s", mark.text)
	}
	selected := c.watch(leases + "?watch=1&labelSelector=x%3D1")
	selected.want("ADDED", "a")
	c.do("PATCH", leases+"/a", `{"metadata":{"labels":{"x":"2"}}}`, "Content-Type: application/merge-patch+json").want(t, 200, "")
	all.want("MODIFIED", "a")
	selected.want("DELETED", "a")
	c.do("PATCH", leases+"/a", `{"metadata":{"labels":{"x":"1"}}}`, "Content-Type: application/merge-patch+json").want(t, 200, "")
	back := all.want("MODIFIED", "a")
	selected.want("ADDED", "a")
	c.do("DELETE", leases+"/a", "").want(t, 200, "")
	all.want("DELETED", "a")
	gone := selected.want("DELETED", "a")
	if gone.at("object/metadata/resourceVersion") <= back.at("object/metadata/resourceVersion") {
		t.Errorf("the deletion has the version of the object: %s", gone.text)
	}
	resumed := c.watch(leases+"?watch=true&resourceVersion="+back.at("object/metadata/resourceVersion"), "Accept: application/json;as=Table;v=v1;g=meta.k8s.io")
	if frame := resumed.next(); frame.at("object/kind") != "Table" || frame.at("type") != "DELETED" {
		t.Errorf("the resumed watch has %s", frame.text)
	}
	ended := c.watch(leases + "?watch=true&timeoutSeconds=1")
	if ended.lines.Scan() {
		t.Errorf("a watch of nothing has %s", ended.lines.Text())
	}
}

func TestElectionOfCandidates(t *testing.T) {
	c := start(t)
	const candidates = "/apis/coordination.k8s.io/v1beta1/namespaces/default/leasecandidates"
	candidate := func(name, version string) string {
		return fmt.Sprintf(`{"metadata":{"name":%q},"spec":{"leaseName":"ctl","binaryVersion":"1.37.0","emulationVersion":%q,"strategy":"OldestEmulationVersion","renewTime":"2026-01-02T03:04:05.000000Z"}}`, name, version)
	}
	c.do("GET", leases+"/ctl", "").want(t, 404, "NotFound")
	c.do("POST", candidates, candidate("a", "1.36.0")).want(t, 201, "")
	if elected := c.do("GET", leases+"/ctl", "").want(t, 200, ""); elected.at("spec/holderIdentity") != "a" || elected.at("spec/strategy") != "OldestEmulationVersion" || elected.at("spec/leaseDurationSeconds") != "5" {
		t.Errorf("elected: %s", elected.text)
	}
	c.do("POST", candidates, candidate("b", "1.35.0")).want(t, 201, "")
	preferred := c.do("GET", leases+"/ctl", "").want(t, 200, "")
	if preferred.at("spec/preferredHolder") != "b" {
		t.Errorf("the better candidate is not preferred: %s", preferred.text)
	}
	c.do("PUT", leases+"/ctl", lease("ctl", preferred.version(), "", `"holderIdentity":""`)).want(t, 200, "")
	if next := c.do("GET", leases+"/ctl", ""); next.at("spec/holderIdentity") != "b" || next.at("spec/preferredHolder") != "" {
		t.Errorf("after the holder gave way: %s", next.text)
	}
	c.do("POST", candidates, `{"metadata":{"name":"x"},"spec":{"leaseName":"ctl","binaryVersion":"one"}}`).want(t, 422, "Invalid", "spec.binaryVersion", "spec.strategy")
}

func TestEventsOfBothVersions(t *testing.T) {
	c := start(t)
	const events = "/api/v1/namespaces/default/events"
	body := `{"metadata":{"generateName":"demo."},"involvedObject":{"kind":"Lease","name":"demo","namespace":"default"},"reason":"LeaderElection","message":"a became leader","type":"Normal","count":1}`
	made := c.do("POST", events, body).want(t, 201, "")
	if !strings.HasPrefix(made.at("metadata/name"), "demo.") {
		t.Errorf("the name is %q", made.at("metadata/name"))
	}
	newer := c.do("GET", "/apis/events.k8s.io/v1/namespaces/default/events/"+made.at("metadata/name"), "").want(t, 200, "")
	if newer.at("note") != "a became leader" || newer.at("regarding/name") != "demo" || newer.at("message") != "" {
		t.Errorf("in the newer version: %s", newer.text)
	}
	patched := c.do("PATCH", events+"/"+made.at("metadata/name"), `{"count":2}`, "Content-Type: application/strategic-merge-patch+json").want(t, 200, "")
	if patched.at("count") != "2" || patched.at("message") != "a became leader" {
		t.Errorf("patched: %s", patched.text)
	}
}

func TestReviewsAnswerTruthfully(t *testing.T) {
	c := start(t)
	c.do("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", `{"spec":{"resourceAttributes":{"namespace":"default","verb":"get","group":"coordination.k8s.io","resource":"leases"}}}`).
		want(t, 201, "", `"allowed":true`)
	c.do("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", `{"spec":{"resourceAttributes":{"namespace":"default","verb":"get","resource":"pods"}}}`).
		want(t, 201, "", `"allowed":false`)
	c.do("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", `{}`).want(t, 201, "", "system:anonymous")
	c.do("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", `{"spec":{"namespace":"default"}}`).
		want(t, 201, "", `"incomplete":false`, "deletecollection", "leases")
}

// TestNamespacesExist checks that kubectl reports a missing object as such: it gets the namespace first.
func TestNamespacesExist(t *testing.T) {
	c := start(t)
	const table = "Accept: application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
	c.do("GET", "/api/v1/namespaces/prod", "").want(t, 200, "", `"kind":"Namespace"`, `"name":"prod"`)
	c.do("GET", "/api/v1/namespaces/prod", "", table).want(t, 200, "", `"kind":"Table"`, `"name":"prod"`)
	c.do("GET", "/api/v1/namespaces/Prod", "").want(t, 404, "NotFound")
	c.do("GET", "/api/v1/namespaces", "").want(t, 404, "")
}

// TestWatchWithoutWebSocket checks that a client that tries a WebSocket learns at once that there is none.
func TestWatchWithoutWebSocket(t *testing.T) {
	c := start(t)
	a := c.do("GET", leases+"?watch=true", "", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")
	if a.want(t, 200, ""); a.text != "" {
		t.Errorf("the answer is %q", a.text)
	}
}
