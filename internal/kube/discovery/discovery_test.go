package discovery

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/lockd/lockd/internal/kube/resource"
)

const (
	kubectl = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"
	older   = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"
)

func get(t *testing.T, path, header string) (kind, body string) {
	t.Helper()
	d, refused, ok := Find(path, header)
	if !ok || refused != nil || !json.Valid(d.Body) {
		t.Fatalf("%s: %t, %v, %s", path, ok, refused, d.Body)
	}
	return d.ContentType, string(d.Body)
}

func TestDocumentsOfOldClients(t *testing.T) {
	for path, want := range map[string]string{
		"/api": `{"apiVersion":"v1","kind":"APIVersions","serverAddressByClientCIDRs":[],"versions":["v1"]}`,
		"/apis/coordination.k8s.io": `{"apiVersion":"v1","kind":"APIGroup","name":"coordination.k8s.io","preferredVersion":{"groupVersion":"coordination.k8s.io/v1","version":"v1"},` +
			`"versions":[{"groupVersion":"coordination.k8s.io/v1","version":"v1"},{"groupVersion":"coordination.k8s.io/v1beta1","version":"v1beta1"}]}`,
		"/apis/coordination.k8s.io/v1": `{"apiVersion":"v1","groupVersion":"coordination.k8s.io/v1","kind":"APIResourceList","resources":[` +
			`{"kind":"Lease","name":"leases","namespaced":true,"singularName":"lease","verbs":["create","delete","deletecollection","get","list","patch","update","watch"]}]}`,
		"/api/v1": `{"apiVersion":"v1","groupVersion":"v1","kind":"APIResourceList","resources":[` +
			`{"kind":"Event","name":"events","namespaced":true,"shortNames":["ev"],"singularName":"event","verbs":["create","delete","deletecollection","get","list","patch","update","watch"]}]}`,
	} {
		if kind, got := get(t, path, "application/json, */*"); kind != "application/json" || got != want {
			t.Errorf("%s: %s, %s, want\n%s", path, kind, got, want)
		}
	}
	_, groups := get(t, "/apis", "")
	for _, r := range resource.All() {
		if r.Group != "" && strings.Count(groups, `"name":"`+r.Group+`"`) != 1 {
			t.Errorf("%s is not once in %s", r.Group, groups)
		}
	}
}

func TestAggregatedDocuments(t *testing.T) {
	kind, got := get(t, "/api", kubectl)
	want := `{"apiVersion":"apidiscovery.k8s.io/v2","items":[{"metadata":{},"versions":[{"freshness":"Current","resources":[{"resource":"events",` +
		`"responseKind":{"group":"","kind":"Event","version":"v1"},"scope":"Namespaced","shortNames":["ev"],"singularResource":"event",` +
		`"verbs":["create","delete","deletecollection","get","list","patch","update","watch"]}],"version":"v1"}]}],"kind":"APIGroupDiscoveryList","metadata":{}}`
	if kind != "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList" || got != want {
		t.Errorf("%s, %s, want\n%s", kind, got, want)
	}
	kind, got = get(t, "/apis", older)
	if !strings.Contains(kind, "v=v2beta1") || !strings.Contains(got, `"apiVersion":"apidiscovery.k8s.io/v2beta1"`) || !strings.Contains(got, `"scope":"Cluster"`) {
		t.Errorf("%s, %s", kind, got)
	}
	if kind, _ := get(t, "/api/v1", kubectl); kind != "application/json" {
		t.Errorf("a version has no aggregated form: %s", kind)
	}
}

func TestOpenAPIDocumentsAreListed(t *testing.T) {
	var index struct {
		Paths map[string]struct{ ServerRelativeURL string }
	}
	_, text := get(t, "/openapi/v3", "application/json")
	if err := json.Unmarshal([]byte(text), &index); err != nil || len(index.Paths) != 6 {
		t.Fatalf("%v, %+v", err, index)
	}
	for name, p := range index.Paths {
		path, hash, _ := strings.Cut(p.ServerRelativeURL, "?hash=")
		if path != "/openapi/v3/"+name || len(hash) != 64 {
			t.Errorf("%s: %s", name, p.ServerRelativeURL)
		}
		get(t, path, "application/json")
	}
}

func TestUnknownPathsAreNotFound(t *testing.T) {
	for _, path := range []string{"", "/", "/apis/", "/apis/apps", "/apis/apps/v1", "/api/v2", "/api/v1/x", "/apis//v1", "/apis/coordination.k8s.io/v1/leases", "/openapi/v3/", "/openapi/v3/apis/apps/v1", "/openapi/v2", "/apis/v1"} {
		if d, _, ok := Find(path, ""); ok {
			t.Errorf("%s: %s", path, d.Body)
		}
	}
	if _, refused, ok := Find("/apis", "application/vnd.kubernetes.protobuf"); !ok || refused == nil || refused.Code != 406 {
		t.Errorf("%v, %t", refused, ok)
	}
}

func TestVersionIsOneThatClientsParse(t *testing.T) {
	var v struct{ Major, Minor, GitVersion string }
	if err := json.Unmarshal(Version("1.2.3"), &v); err != nil || v.Major != "1" || v.Minor != "37" || v.GitVersion != "v1.37.0+lockd-1.2.3" {
		t.Errorf("%+v, %v", v, err)
	}
}
