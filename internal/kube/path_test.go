package kube_test

import (
	"fmt"
	"strings"
	"testing"
)

// Clients escape the names of objects in paths as they like.
func TestNamesInPathsMayBeEscaped(t *testing.T) {
	c := start(t)
	const events = "/api/v1/namespaces/default/events"
	c.do("POST", leases, lease("web.a", "", "")).want(t, 201, "")
	c.do("GET", "/apis/coordination.k8s.io/v1/namespaces/d%65fault/leases/web%2Ea", "").want(t, 200, "")
	c.do("POST", events, `{"metadata":{"name":"a b:c"},"involvedObject":{"namespace":"default","name":"web.a"}}`).want(t, 201, "")
	c.do("DELETE", events+"/a%20b%3Ac", "").want(t, 200, "")
	c.do("GET", leases+"/..%2Fx", "").want(t, 404, "NotFound")
	c.do("PUT", leases+"/a%2Fb", lease("a/b", "", "")).want(t, 422, "Invalid")
	c.do("GET", "/apis/coordination.k8s.io/v1/namespaces/default%2Fleases/leases", "").want(t, 422, "Invalid")
}

// Clients refuse an answer with too many or too long headers.
func TestWarningsAreBounded(t *testing.T) {
	c := start(t)
	var fields []string
	for i := range 1_000 {
		fields = append(fields, fmt.Sprintf(`"x%d":1`, i))
	}
	many := c.do("POST", leases, lease("many", "", "", fields...)).want(t, 201, "").header["Warning"]
	if len(many) == 0 || len(many) > 50 {
		t.Errorf("%d warnings", len(many))
	}
	long := c.do("POST", leases, lease("long", "", "", `"`+strings.Repeat("é", 5_000)+`":1`)).want(t, 201, "").header["Warning"]
	if len(long) != 1 || len(long[0]) > 600 {
		t.Errorf("%d warnings for a long name", len(long))
	}
}

// What is stored can be read again: one object that could not be would make every list fail.
func TestStoredObjectsCanBeRead(t *testing.T) {
	c := start(t)
	nested := func(levels int) string {
		fields := "{}"
		for range levels {
			fields = `{"f:a": ` + fields + `}`
		}
		return "# YAML\nmetadata: {name: deep, managedFields: [{manager: x, operation: Update, apiVersion: coordination.k8s.io/v1, time: '2026-01-01T00:00:00Z', fieldsType: FieldsV1, fieldsV1: " +
			fields + "}]}\nspec: {}\n"
	}
	for levels := 25; levels < 34; levels++ {
		if a := c.do("POST", leases, nested(levels), "Content-Type: application/yaml"); a.code != 201 && a.code != 400 {
			t.Errorf("%d levels: %d %s", levels, a.code, a.text)
		}
		c.do("GET", leases, "").want(t, 200, "")
		c.do("DELETE", leases+"/deep", "")
	}
	long := "1.2.3-" + strings.Repeat("a", 300)
	c.do("POST", "/apis/coordination.k8s.io/v1beta1/namespaces/default/leasecandidates",
		`{"metadata":{"name":"x"},"spec":{"leaseName":"l","binaryVersion":"`+long+`","emulationVersion":"1.2.0","strategy":"OldestEmulationVersion"}}`).want(t, 422, "Invalid", "spec.binaryVersion")
	c.do("POST", leases, `{"metadata":{"name":"x"},"spec":{"strategy":"OldestEmulationVersion","preferredHolder":"`+long+long+long+`"}}`).want(t, 422, "Invalid", "spec.preferredHolder")
}
