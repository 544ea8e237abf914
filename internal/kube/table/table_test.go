package table

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/lockd/lockd/internal/kube/resource"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func lease() map[string]any {
	return map[string]any{
		"kind": "Lease", "apiVersion": "coordination.k8s.io/v1",
		"metadata": map[string]any{"name": "web", "resourceVersion": "7", "creationTimestamp": "2026-01-02T03:00:00Z"},
		"spec":     map[string]any{"holderIdentity": "n1"},
	}
}

func text(t *testing.T, value any) string {
	t.Helper()
	b, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestNegotiate(t *testing.T) {
	kubectl := "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"
	for _, tt := range []struct {
		accept string
		watch  bool
		want   Form
		code   int
	}{
		{"", false, Form{}, 0},
		{kubectl, false, Form{Kind: Table, Version: "v1"}, 0},
		{"application/json;as=Table;v=v1beta1;g=meta.k8s.io", true, Form{Kind: Table, Version: "v1beta1"}, 0},
		{"application/json;as=Table;v=v2;g=meta.k8s.io,application/json;pretty=1", false, Form{Pretty: true}, 0},
		{"application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json", false, Form{Kind: PartialList, Version: "v1"}, 0},
		{"application/vnd.kubernetes.protobuf, */*;q=0.1", false, Form{}, 0},
		{"application/json;stream=watch,application/vnd.kubernetes.protobuf;stream=watch", true, Form{}, 0},
		{"application/json;stream=watch", false, Form{}, 406},
		{"application/vnd.kubernetes.protobuf", false, Form{}, 406},
		{"application/json;as=Table;v=v1", false, Form{}, 406},
		{"text/html", true, Form{}, 406},
	} {
		got, refused := Negotiate(tt.accept, tt.watch)
		code := 0
		if refused != nil {
			code = refused.Code
		}
		if got != tt.want || code != tt.code {
			t.Errorf("%q: %+v, %v", tt.accept, got, refused)
		}
	}
	if _, refused := Negotiate("text/html", false); refused.Message != "only the following media types are accepted: application/json" {
		t.Error(refused)
	}
}

func TestTableOfLeases(t *testing.T) {
	f := Form{Kind: Table, Version: "v1"}
	got, refused := f.List(resource.Leases(), map[string]any{"resourceVersion": "9"}, []map[string]any{lease()}, Options{Now: now})
	want := `{"apiVersion":"meta.k8s.io/v1","columnDefinitions":[` +
		`{"description":"Name of the object.","format":"name","name":"Name","priority":0,"type":"string"},` +
		`{"description":"Identity of the holder.","format":"","name":"Holder","priority":0,"type":"string"},` +
		`{"description":"Time since the creation of the object.","format":"","name":"Age","priority":0,"type":"string"}],` +
		`"kind":"Table","metadata":{"resourceVersion":"9"},"rows":[{"cells":["web","n1","4m5s"],"object":{"apiVersion":"meta.k8s.io/v1","kind":"PartialObjectMetadata",` +
		`"metadata":{"creationTimestamp":"2026-01-02T03:00:00Z","name":"web","resourceVersion":"7"}}}]}`
	if refused != nil || text(t, got) != want {
		t.Errorf("%s, want\n%s", text(t, got), want)
	}
	next := f.Frame(resource.Leases(), lease(), Options{Now: now, Include: IncludeNone}, false)
	if got := text(t, next); got != `{"apiVersion":"meta.k8s.io/v1","columnDefinitions":null,"kind":"Table","metadata":{"resourceVersion":"7"},"rows":[{"cells":["web","n1","4m5s"]}]}` {
		t.Error(got)
	}
	empty, _ := f.List(resource.Leases(), nil, nil, Options{})
	if got := text(t, empty["rows"]); got != "[]" {
		t.Error(got)
	}
}

func TestTableOfEvents(t *testing.T) {
	event := map[string]any{
		"metadata": map[string]any{"name": "e"}, "type": "Normal", "reason": "LeaderElection", "message": "became leader\n",
		"involvedObject": map[string]any{"kind": "Lease", "name": "web", "fieldPath": "spec"}, "firstTimestamp": "2026-01-02T03:00:00Z",
		"source": map[string]any{"component": "c"}, "reportingComponent": "other", "reportingInstance": "i",
	}
	f := Form{Kind: Table, Version: "v1"}
	cells := func(r resource.Resource, e map[string]any) string {
		got, _ := f.List(r, nil, []map[string]any{e}, Options{Now: now})
		return text(t, got["rows"].([]any)[0].(map[string]any)["cells"])
	}
	if got := cells(resource.CoreEvents(), event); got != `["4m5s","Normal","LeaderElection","lease/web","spec","c, i","became leader","4m5s",1,"e"]` {
		t.Error(got)
	}
	newer := map[string]any{
		"metadata": map[string]any{"name": "e"}, "regarding": map[string]any{"kind": "Lease"}, "note": "n", "reportingController": "c",
		"eventTime": "2026-01-02T03:04:00.000000Z", "series": map[string]any{"count": int64(3), "lastObservedTime": "2026-01-02T03:04:04.000000Z"},
	}
	if got := cells(resource.Events(), newer); got != `["1s","","","lease","","c","n","5s",3,"e"]` {
		t.Error(got)
	}
	candidate := map[string]any{"metadata": map[string]any{"name": "a"}, "spec": map[string]any{"leaseName": "l", "binaryVersion": "1.37.0", "emulationVersion": "1.36.0"}}
	if got := cells(resource.LeaseCandidates(), candidate); got != `["a","l","1.37.0","1.36.0","\u003cunknown\u003e"]` {
		t.Error(got)
	}
}

func TestListsHaveItemsWithoutKind(t *testing.T) {
	got, _ := Form{}.List(resource.Leases(), nil, []map[string]any{{"kind": "Lease", "apiVersion": "x", "spec": map[string]any{}}}, Options{})
	if text(t, got) != `{"apiVersion":"coordination.k8s.io/v1","items":[{"spec":{}}],"kind":"LeaseList","metadata":{}}` {
		t.Error(text(t, got))
	}
	partial, _ := Form{Kind: PartialList, Version: "v1"}.List(resource.Leases(), nil, []map[string]any{lease()}, Options{})
	if partial["kind"] != "PartialObjectMetadataList" || partial["items"].([]any)[0].(map[string]any)["spec"] != nil {
		t.Error(text(t, partial))
	}
}

func TestFormsOfListsAndObjectsDiffer(t *testing.T) {
	if _, refused := (Form{Kind: PartialList, Version: "v1"}).One(resource.Leases(), lease(), Options{}); refused == nil || refused.Code != 406 {
		t.Error(refused)
	}
	if _, refused := (Form{Kind: Partial, Version: "v1"}).List(resource.Leases(), nil, nil, Options{}); refused == nil || refused.Code != 406 {
		t.Error(refused)
	}
	if got, _ := (Form{}).One(resource.Leases(), lease(), Options{}); text(t, got) != text(t, lease()) {
		t.Error(got)
	}
}

func TestParseInclude(t *testing.T) {
	for in, want := range map[string]Include{"": IncludeMetadata, "None": IncludeNone, "Object": IncludeObject} {
		if got, refused := ParseInclude(in); refused != nil || got != want {
			t.Errorf("%q: %v, %v", in, got, refused)
		}
	}
	if _, refused := ParseInclude("all"); refused == nil || refused.Code != 400 {
		t.Error(refused)
	}
}

func TestAge(t *testing.T) {
	for in, want := range map[time.Duration]string{
		-3 * time.Second: "<invalid>", -time.Second: "0s", 119 * time.Second: "119s", 120 * time.Second: "2m", 303 * time.Second: "5m3s",
		11 * time.Minute: "11m", 179 * time.Minute: "179m", 180 * time.Minute: "3h", 181 * time.Minute: "3h1m", 9 * time.Hour: "9h", 47 * time.Hour: "47h",
		48 * time.Hour: "2d", 76 * time.Hour: "3d4h", 400 * 24 * time.Hour: "400d", 731 * 24 * time.Hour: "2y1d", 3000 * 24 * time.Hour: "8y",
	} {
		if got := Age(in); got != want {
			t.Errorf("%v: %s, want %s", in, got, want)
		}
	}
}
