package kube

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/managedfields/managedfieldstest"
	"k8s.io/client-go/applyconfigurations"
	"k8s.io/kube-openapi/pkg/spec3"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"pgregory.net/rapid"

	"github.com/lockd/lockd/internal/kube/patch"
	"github.com/lockd/lockd/internal/kube/schema"
	"github.com/lockd/lockd/internal/kube/tree"
)

// ownSchemas returns the schemas of lockd's OpenAPI document.
func ownSchemas(t *testing.T) map[string]*spec.Schema {
	t.Helper()
	var document spec3.OpenAPI
	if err := json.Unmarshal(schema.OpenAPIV3("coordination.k8s.io/v1"), &document); err != nil {
		t.Fatal(err)
	}
	schemas := document.Components.Schemas
	for _, s := range schemas {
		trimReferences(s)
	}
	return schemas
}

// trimReferences removes the prefix of references: the converter finds schemas by their names alone.
func trimReferences(s *spec.Schema) {
	for i := range s.AllOf {
		name := strings.TrimPrefix(s.AllOf[i].Ref.String(), "#/components/schemas/")
		s.AllOf[i].Ref = spec.MustCreateRef(name)
	}
	for name := range s.Properties {
		p := s.Properties[name]
		trimReferences(&p)
		s.Properties[name] = p
	}
	if s.Items != nil && s.Items.Schema != nil {
		trimReferences(s.Items.Schema)
	}
}

// entries returns the managers of an object, without times.
func entries(t *rapid.T, list []any) map[string]string {
	texts := make(map[string]string)
	for _, element := range list {
		entry := element.(map[string]any)
		key := entry["manager"].(string) + " " + entry["operation"].(string) + " " + entry["apiVersion"].(string)
		if texts[key] != "" {
			t.Fatalf("%s has two entries", key)
		}
		texts[key] = string(encode(entry["fieldsV1"]))
	}
	return texts
}

// A run of random applies and updates gives the same objects, the same owners and the same conflicts as the field
// manager of kube-apiserver, with its own schema and with that of lockd's OpenAPI document.
func TestServerSideApplyIsThatOfKubernetes(t *testing.T) {
	own, err := managedfields.NewTypeConverter(ownSchemas(t), false)
	if err != nil {
		t.Fatal(err)
	}
	for name, converter := range map[string]managedfields.TypeConverter{
		"schema of Kubernetes": applyconfigurations.NewTypeConverter(scheme()), "schema of lockd": own,
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { checkRun(t, converter) })
		})
	}
}

func checkRun(t *rapid.T, converter managedfields.TypeConverter) {
	theirs := managedfieldstest.NewTestFieldManager(converter, coordinationv1.SchemeGroupVersion.WithKind("Lease"))
	var ours map[string]any
	for step := range rapid.IntRange(1, 6).Draw(t, "steps") {
		body := leases().Draw(t, "body")
		if !tree.Has(body, "spec", "holderIdentity") {
			tree.Set(body, "1", "spec", "holderIdentity") // their live object has no empty spec, other than in kube-apiserver
		}
		manager := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "manager")
		now := time.Now().Add(time.Duration(step) * time.Second)
		if ours == nil || rapid.Bool().Draw(t, "apply") {
			ours = checkApply(t, theirs, ours, body, manager, now)
		} else {
			object := typed(t, body)
			if err := theirs.Update(object, manager); err != nil {
				t.Fatal(err)
			}
			ours = patch.Own(schema.Lease, ours, body, manager, now)
		}
		checkSame(t, theirs, ours)
		if ours == nil {
			return
		}
	}
}

// typed returns the object as one of Kubernetes.
func typed(t *rapid.T, tree map[string]any) *coordinationv1.Lease {
	object := new(coordinationv1.Lease)
	if err := json.Unmarshal(encode(tree), object); err != nil {
		t.Fatal(err)
	}
	return object
}

func checkApply(t *rapid.T, theirs managedfieldstest.TestFieldManager, ours, body map[string]any, manager string, now time.Time) map[string]any {
	part, _, refused := schema.DecodePartial(schema.Lease, encode(body))
	if refused != nil {
		t.Fatal(refused)
	}
	force := rapid.Bool().Draw(t, "force")
	err := theirs.Apply(&unstructured.Unstructured{Object: tree.Clone(part)}, manager, force)
	next, refused := patch.Apply(schema.Lease, ours, part, manager, force, now)
	if (err == nil) != (refused == nil) {
		t.Fatalf("%s of %s: %v, Kubernetes: %v", encode(part), encode(ours), refused, err)
	}
	if err == nil {
		return next
	}
	if err.Error() != refused.Message || !sameCauses(err, refused) {
		t.Fatalf("%v, Kubernetes: %v", refused, err)
	}
	return ours
}

func sameCauses(err error, refused error) bool {
	var theirs errors.APIStatus
	status, ok := err.(errors.APIStatus)
	if theirs = status; !ok {
		return false
	}
	var ours struct {
		Details struct{ Causes []map[string]string }
	}
	want := theirs.Status()
	var kubernetes struct {
		Details struct{ Causes []map[string]string }
	}
	_ = json.Unmarshal(encode(refused), &ours)
	_ = json.Unmarshal(encode(want), &kubernetes)
	return len(ours.Details.Causes) == len(kubernetes.Details.Causes) // the order differs between managers
}

func checkSame(t *rapid.T, theirs managedfieldstest.TestFieldManager, ours map[string]any) {
	live := theirs.Live()
	decoded, _, refused := schema.Decode(schema.Lease, "", encode(live))
	if refused != nil {
		t.Fatal(refused)
	}
	if ours == nil {
		return
	}
	want, _ := tree.At(decoded, "metadata", "managedFields").([]any)
	got, _ := tree.At(ours, "metadata", "managedFields").([]any)
	if w, g := entries(t, want), entries(t, got); !reflect.DeepEqual(g, w) {
		t.Fatalf("%q, Kubernetes: %q", g, w)
	}
	mine := tree.Clone(ours)
	for _, o := range []map[string]any{mine, decoded} {
		tree.Remove(o, "metadata", "managedFields")
		delete(o, "apiVersion")
		delete(o, "kind")
	}
	if !reflect.DeepEqual(mine, decoded) {
		t.Fatalf("%s, Kubernetes: %s", encode(mine), encode(decoded))
	}
}
