package kube

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"pgregory.net/rapid"

	"github.com/lockd/lockd/internal/kube/patch"
	"github.com/lockd/lockd/internal/kube/schema"
	"github.com/lockd/lockd/internal/kube/tree"
)

// leases generates canonical leases with few values, so that two of them have much in common.
func leases() *rapid.Generator[map[string]any] {
	return rapid.Custom(func(t *rapid.T) map[string]any {
		o := map[string]any{"metadata": map[string]any{"name": "a"}}
		pick := func(name string, values ...string) string { return rapid.SampledFrom(values).Draw(t, name) }
		for _, label := range []string{"x", "y"} {
			if v := pick(label, "", "1", "2"); v != "" {
				tree.Set(o, v, "metadata", "labels", label)
			}
		}
		finalizers := []any{}
		for _, f := range rapid.Permutation([]string{"f", "g", "h"}).Draw(t, "finalizers")[:rapid.IntRange(0, 3).Draw(t, "n")] {
			finalizers = append(finalizers, f)
		}
		tree.Set(o, finalizers, "metadata", "finalizers")
		references := []any{}
		for _, uid := range rapid.Permutation([]string{"u", "v", "w"}).Draw(t, "references")[:rapid.IntRange(0, 3).Draw(t, "n")] {
			reference := map[string]any{"apiVersion": "v1", "kind": "K", "name": pick("name", "n", "m"), "uid": uid}
			if pick("controller", "", "yes") != "" {
				reference["controller"] = true
			}
			references = append(references, reference)
		}
		tree.Set(o, references, "metadata", "ownerReferences")
		if v := pick("holder", "none", "", "1", "2"); v != "none" {
			tree.Set(o, v, "spec", "holderIdentity")
		}
		if v := pick("transitions", "", "1", "2"); v != "" {
			tree.Set(o, int64(len(v)), "spec", "leaseTransitions")
		}
		o, _, err := schema.Lease.Conform(o)
		if err != nil {
			t.Fatal(err)
		}
		o["apiVersion"], o["kind"] = "coordination.k8s.io/v1", "Lease"
		return o
	})
}

func encode(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return text
}

// sorted returns a lease whose lists are sorted: a patch does not always have an order alone.
func sorted(o map[string]any) map[string]any {
	o = tree.Clone(o)
	for _, name := range []string{"finalizers", "ownerReferences"} {
		list, _ := tree.At(o, "metadata", name).([]any)
		slices.SortFunc(list, func(a, b any) int { return bytes.Compare(encode(a), encode(b)) })
	}
	return o
}

// kubectl computes patches in this way.
func TestStrategicPatchesOfKubernetesMakeTheOtherObject(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, after := leases().Draw(t, "before"), leases().Draw(t, "after")
		body, err := strategicpatch.CreateTwoWayMergePatch(encode(before), encode(after), coordinationv1.Lease{})
		if err != nil {
			t.Fatal(err)
		}
		got, problems, refused := patch.Change(schema.Lease, schema.StrategicPatch, before, body)
		if refused != nil || len(problems) > 0 || !reflect.DeepEqual(sorted(got), sorted(after)) {
			t.Fatalf("%s: %v, %q\n%s, want\n%s", body, refused, problems, encode(got), encode(after))
		}
	})
}

// patchOf turns a lease into a patch with directives.
func patchOf(t *rapid.T, o map[string]any) map[string]any {
	p := tree.Clone(o)
	for _, name := range []string{"x", "y"} {
		if rapid.IntRange(0, 3).Draw(t, "null") == 0 {
			tree.Set(p, nil, "metadata", "labels", name)
		}
	}
	switch rapid.IntRange(0, 9).Draw(t, "directive") {
	case 0:
		tree.Set(p, "replace", "metadata", "labels", "$patch")
	case 1:
		tree.Set(p, []any{"f"}, "metadata", "$deleteFromPrimitiveList/finalizers")
		tree.Remove(p, "metadata", "finalizers")
	case 2:
		references, _ := tree.At(p, "metadata", "ownerReferences").([]any)
		tree.Set(p, append(references, map[string]any{"$patch": "delete", "uid": "x"}), "metadata", "ownerReferences")
	case 3:
		references, _ := tree.At(p, "metadata", "ownerReferences").([]any)
		tree.Set(p, append(references, map[string]any{"$patch": "replace"}), "metadata", "ownerReferences")
	case 4:
		tree.Set(p, "delete", "spec", "$patch")
	case 5:
		tree.Set(p, []any{"holderIdentity", "leaseTransitions"}, "spec", "$retainKeys")
	case 6:
		p["spec"] = nil
	}
	return p
}

func TestStrategicPatchesGiveTheSameObject(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := leases().Draw(t, "before")
		body := patchOf(t, leases().Draw(t, "patch"))
		merged, err := strategicpatch.StrategicMergeMapPatch(tree.Clone(before), tree.Clone(body), coordinationv1.Lease{})
		got, _, refused := patch.Change(schema.Lease, schema.StrategicPatch, before, encode(body))
		if (err == nil) != (refused == nil) {
			t.Fatalf("%s: %v, Kubernetes: %v", encode(body), refused, err)
		}
		if err != nil {
			return
		}
		want, _, err := schema.Lease.Conform(merged)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%s of %s: %s, want\n%s (%v)", encode(body), encode(before), encode(got), encode(want), err)
		}
	})
}
