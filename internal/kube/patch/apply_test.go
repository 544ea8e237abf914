package patch

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lockd/lockd/internal/kube/schema"
	"github.com/lockd/lockd/internal/kube/status"
	"github.com/lockd/lockd/internal/kube/tree"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func at(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }

func partOf(t testing.TB, body string) map[string]any {
	t.Helper()
	p, problems, refused := schema.DecodePartial(schema.Lease, []byte(body))
	if refused != nil || len(problems) > 0 {
		t.Fatalf("%s: %v, %q", body, refused, problems)
	}
	return p
}

func apply(t testing.TB, live map[string]any, body, manager string, seconds int) map[string]any {
	t.Helper()
	o, refused := Apply(schema.Lease, live, partOf(t, body), manager, false, at(seconds))
	if refused != nil {
		t.Fatal(refused)
	}
	return o
}

// fields returns the entries of an object as text: manager operation time fields.
func fields(object map[string]any) string {
	var lines []string
	for _, o := range ownersOf(object) {
		seconds := "none"
		if at, err := schema.ParseTime(o.time); err == nil {
			seconds = fmt.Sprint(at.Sub(start).Seconds())
		}
		lines = append(lines, strings.Join([]string{o.manager, o.operation, seconds, text(o.fields.encode())}, " "))
	}
	return strings.Join(lines, "\n")
}

const applied = `{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"a","labels":{"x":"1"}},"spec":{"holderIdentity":"h"}}`

func TestApplyCreatesAndIsIdempotent(t *testing.T) {
	first := apply(t, nil, applied, "me", 1)
	if got := fields(first); got != `me Apply 1 {"f:metadata":{"f:labels":{"f:x":{}}},"f:spec":{"f:holderIdentity":{}}}` {
		t.Error(got)
	}
	if again := apply(t, first, applied, "me", 9); !tree.Equal(first, again) {
		t.Errorf("%s, then\n%s", text(first), text(again))
	}
}

func TestApplyRemovesWhatItNoLongerLists(t *testing.T) {
	o := apply(t, nil, applied, "me", 1)
	o = Own(schema.Lease, o, func() map[string]any {
		c := tree.Clone(o)
		tree.Set(c, "2", "metadata", "labels", "y")
		tree.Set(c, int64(5), "spec", "leaseDurationSeconds")
		return c
	}(), "other", at(2))
	o = apply(t, o, `{"metadata":{"name":"a"}}`, "me", 3)
	if got := text(tree.At(o, "metadata", "labels")) + text(o["spec"]); got != `{"y":"2"}{"leaseDurationSeconds":5}` {
		t.Error(got)
	}
	if got := fields(o); got != `other Update 2 {"f:metadata":{"f:labels":{"f:y":{}}},"f:spec":{"f:leaseDurationSeconds":{}}}` {
		t.Error(got)
	}
}

func TestApplyKeepsWhatOthersApplied(t *testing.T) {
	o := apply(t, nil, applied, "me", 1)
	o = apply(t, o, applied, "you", 2)
	o = apply(t, o, `{"metadata":{"name":"a"}}`, "me", 3)
	if got := text(o["spec"]) + fields(o); got != `{"holderIdentity":"h"}you Apply 2 {"f:metadata":{"f:labels":{"f:x":{}}},"f:spec":{"f:holderIdentity":{}}}` {
		t.Error(got)
	}
	if o = apply(t, o, `{"metadata":{"name":"a"}}`, "you", 4); text(o["spec"]) != "{}" || fields(o) != "" || tree.String(o, "metadata", "name") != "a" {
		t.Error(text(o))
	}
}

func TestApplyOfAnotherValueIsAConflict(t *testing.T) {
	o := apply(t, nil, applied, "me", 1)
	other := partOf(t, strings.Replace(applied, `"h"`, `"i"`, 1))
	_, refused := Apply(schema.Lease, o, other, "you", false, at(2))
	if refused == nil || refused.Code != 409 || refused.Message != `Apply failed with 1 conflict: conflict with "me": .spec.holderIdentity` {
		t.Fatal(refused)
	}
	if got := refused.Details.Causes[0]; got != (status.Cause{Reason: "FieldManagerConflict", Message: `conflict with "me"`, Field: ".spec.holderIdentity"}) {
		t.Errorf("%+v", got)
	}
	forced, refused := Apply(schema.Lease, o, other, "you", true, at(2))
	if refused != nil || fields(forced) != `me Apply 1 {"f:metadata":{"f:labels":{"f:x":{}}}}`+"\n"+`you Apply 2 {"f:metadata":{"f:labels":{"f:x":{}}},"f:spec":{"f:holderIdentity":{}}}` {
		t.Error(refused, fields(forced))
	}
	written := Own(schema.Lease, nil, lease(t, live), "kubectl-edit", at(0))
	_, refused = Apply(schema.Lease, written, other, "you", false, at(1))
	if refused == nil || refused.Message != `Apply failed with 1 conflict: conflict with "kubectl-edit" using coordination.k8s.io/v1: .spec.holderIdentity` {
		t.Error(refused)
	}
	_, refused = Apply(schema.Lease, written, partOf(t, `{"metadata":{"name":"a","labels":{"x":"9"},"finalizers":["g"]},"spec":{"holderIdentity":"i"}}`), "you", false, at(1))
	if want := "Apply failed with 2 conflicts: conflicts with \"kubectl-edit\" using coordination.k8s.io/v1:\n- .metadata.labels.x\n- .spec.holderIdentity"; refused == nil || refused.Message != want {
		t.Error(refused)
	}
}

func TestApplyRefusesManagedFields(t *testing.T) {
	_, refused := Apply(schema.Lease, nil, partOf(t, `{"metadata":{"name":"a","managedFields":[{"manager":"x"}]}}`), "me", false, start)
	if refused == nil || refused.Code != 400 || refused.Message != "metadata.managedFields must be nil" {
		t.Error(refused)
	}
}

func TestApplyBoundsItsManagers(t *testing.T) {
	o := apply(t, nil, applied, "m", 0)
	for i := 1; i < maxApplies; i++ {
		o = apply(t, o, applied, fmt.Sprintf("m%d", i), i)
	}
	if _, refused := Apply(schema.Lease, o, partOf(t, applied), "last", false, at(99)); refused == nil || refused.Code != 422 {
		t.Error(refused)
	}
}

func TestApplyMergesLists(t *testing.T) {
	o := Own(schema.Lease, nil, lease(t, live), "other", at(0))
	o = apply(t, o, `{"metadata":{"name":"a","finalizers":["h"],"ownerReferences":[{"apiVersion":"v1","kind":"K","name":"m","uid":"v"}]}}`, "me", 1)
	if got := text(tree.At(o, "metadata", "finalizers")); got != `["f","g","h"]` && got != `["h","f","g"]` {
		t.Error(got)
	}
	o = apply(t, o, `{"metadata":{"name":"a"}}`, "me", 2)
	if got := text(tree.At(o, "metadata", "finalizers")) + fmt.Sprint(len(tree.Objects(o, "metadata", "ownerReferences"))); got != `["f","g"]1` {
		t.Error(got)
	}
}

func TestApplyToAnObjectWithoutManagers(t *testing.T) {
	o := apply(t, lease(t, live), `{"metadata":{"name":"a"},"spec":{"strategy":"a/b"}}`, "me", 1)
	if got := fields(o); !strings.Contains(got, "before-first-apply Update 1") || !strings.HasPrefix(got, "me Apply 1") {
		t.Error(got)
	}
}

func TestOwnMovesFieldsToTheWriter(t *testing.T) {
	o := Own(schema.Lease, nil, lease(t, `{"metadata":{"name":"a"},"spec":{"holderIdentity":"h","leaseDurationSeconds":5}}`), "one", at(0))
	changed := tree.Clone(o)
	tree.Set(changed, "i", "spec", "holderIdentity")
	tree.Remove(changed, "metadata", "managedFields") // as clients do that do not know it
	o = Own(schema.Lease, o, changed, "two", at(1))
	want := `one Update 0 {"f:spec":{"f:leaseDurationSeconds":{}}}` + "\n" + `two Update 1 {"f:spec":{"f:holderIdentity":{}}}`
	if got := fields(o); got != want {
		t.Errorf("%s, want\n%s", got, want)
	}
	if again := Own(schema.Lease, o, o, "three", at(2)); !tree.Equal(o, again) {
		t.Errorf("a write that changes nothing changes %s", text(again))
	}
	reset := tree.Clone(o)
	tree.Set(reset, []any{map[string]any{}}, "metadata", "managedFields")
	if got := fields(Own(schema.Lease, o, reset, "three", at(2))); got != "" {
		t.Errorf("the entries are not removed: %s", got)
	}
}

func TestOwnBoundsItsManagers(t *testing.T) {
	o := Own(schema.Lease, nil, lease(t, live), "m0", at(0))
	for i := 1; i < 40; i++ {
		changed := tree.Clone(o)
		tree.Set(changed, "v", "metadata", "labels", fmt.Sprintf("l%d", i))
		o = Own(schema.Lease, o, changed, fmt.Sprintf("m%d", i), at(i))
	}
	list := ownersOf(o)
	if len(list) != maxUpdates || list[0].manager != ancient || len(list.all()) != 2 || list[len(list)-1].manager != "m39" {
		t.Errorf("%d: %s", len(list), fields(o))
	}
}

// partial generates the body of an apply.
func partial() *rapid.Generator[map[string]any] {
	return rapid.Custom(func(t *rapid.T) map[string]any {
		p := map[string]any{"metadata": map[string]any{"name": "a"}}
		set := func(value any, path ...string) {
			if rapid.Bool().Draw(t, path[len(path)-1]) {
				tree.Set(p, value, path...)
			}
		}
		v := rapid.SampledFrom([]string{"1", "2"}).Draw(t, "value")
		set(v, "metadata", "labels", "x")
		set(v, "metadata", "labels", "y")
		set([]any{"f", "g" + v}, "metadata", "finalizers")
		set([]any{map[string]any{"apiVersion": "v1", "kind": "K", "name": v, "uid": v}}, "metadata", "ownerReferences")
		set(v, "spec", "holderIdentity")
		set(int64(len(v)), "spec", "leaseTransitions")
		return p
	})
}

func TestApplyLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var o map[string]any
		for i := range rapid.IntRange(1, 6).Draw(t, "steps") {
			manager := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "manager")
			p, _, err := schema.Lease.ConformPartial(partial().Draw(t, "part"))
			if err != nil {
				t.Fatal(err)
			}
			if o != nil && rapid.Bool().Draw(t, "update") {
				after, _, _ := schema.Lease.Conform(Merge(unmanaged(o), p))
				o = Own(schema.Lease, o, after, manager, at(i))
				continue
			}
			next, refused := Apply(schema.Lease, o, p, manager, true, at(i))
			if refused != nil {
				t.Fatal(refused)
			}
			again, refused := Apply(schema.Lease, next, p, manager, false, at(i+1))
			if refused != nil || !tree.Equal(next, again) {
				t.Fatalf("a second apply changes %s to %s (%v)", text(next), text(again), refused)
			}
			for _, path := range [][]string{{"spec", "holderIdentity"}, {"metadata", "labels", "x"}} {
				if tree.Has(p, path...) && !tree.Equal(tree.At(p, path...), tree.At(next, path...)) {
					t.Fatalf("%v was not applied: %s", path, text(next))
				}
			}
			o = next
		}
		owned := ownersOf(o).all()
		present := make(fieldSet)
		fieldsOf(present, nil, root(schema.Lease), unmanaged(o))
		if missing := present.without(unowned).without(owned); len(missing) > 0 && strings.Join(missing.paths(), "") != ".spec" {
			t.Fatalf("no manager owns %v of %s", missing.paths(), text(o))
		}
	})
}

func FuzzFieldSet(f *testing.F) {
	f.Add([]byte(`{"f:metadata":{"f:labels":{".":{},"f:x":{}},"f:ownerReferences":{"k:{\"uid\":\"u\"}":{}}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		value, _, err := schema.ParseJSON(body)
		tree1, ok := value.(map[string]any)
		if err != nil || !ok {
			return
		}
		set := decodeFields(tree1)
		set.paths()
		if again := decodeFields(set.encode()); len(set.without(again)) > 0 || len(again.without(set)) > 0 {
			t.Fatalf("%v, then %v", set.paths(), again.paths())
		}
	})
}
