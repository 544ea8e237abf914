package schema

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/lockd/lockd/internal/kube/resource"
)

func TestOpenAPIDocumentsAreValid(t *testing.T) {
	for _, r := range resource.All() {
		text := OpenAPIV3(r.GroupVersion())
		document, err := openapi3.NewLoader().LoadFromData(text)
		if err != nil {
			t.Fatalf("%s: %v", r.GroupVersion(), err)
		}
		if err := document.Validate(context.Background()); err != nil {
			t.Errorf("%s: %v", r.GroupVersion(), err)
		}
		if len(text) > 40_000 {
			t.Errorf("%s: %d bytes", r.GroupVersion(), len(text))
		}
	}
	if OpenAPIV3("apps/v1") != nil {
		t.Error("there is a document of a group that is not served")
	}
}

// kubectl looks for the parameters of the patch of a kind before it sends them.
func TestOpenAPIPatchHasTheParametersThatKubectlLooksFor(t *testing.T) {
	var document struct {
		Paths map[string]struct {
			Patch *struct {
				Kind       map[string]string `json:"x-kubernetes-group-version-kind"`
				Parameters []struct{ Name, In string }
			}
		}
	}
	if err := json.Unmarshal(OpenAPIV3("coordination.k8s.io/v1"), &document); err != nil {
		t.Fatal(err)
	}
	patch := document.Paths["/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name}"].Patch
	if patch == nil || patch.Kind["kind"] != "Lease" {
		t.Fatalf("%+v", document)
	}
	var names []string
	for _, p := range patch.Parameters {
		names = append(names, p.Name)
	}
	if got := strings.Join(names, " "); got != "force dryRun fieldManager fieldValidation" {
		t.Error(got)
	}
}

func TestEveryFieldHasANumberAndADescription(t *testing.T) {
	seen := make(map[*Object]bool)
	var check func(o *Object)
	check = func(o *Object) {
		if seen[o] {
			return
		}
		seen[o] = true
		numbers := make(map[any]bool)
		for _, f := range o.Fields {
			if f.Number <= 0 || numbers[f.Number] || !strings.HasSuffix(f.Description, ".") || f.Type == Message && f.Presence == Omitted {
				t.Errorf("%s.%s: %+v", o.ID, f.Name, f)
			}
			numbers[f.Number] = true
			if f.Object != nil {
				check(f.Object)
			}
		}
	}
	for _, s := range append(All(), DeleteOptions) {
		check(s.Object)
	}
}
