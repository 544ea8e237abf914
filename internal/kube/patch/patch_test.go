package patch

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lockd/lockd/internal/kube/schema"
	"github.com/lockd/lockd/internal/kube/tree"
)

func lease(t testing.TB, body string) map[string]any {
	t.Helper()
	o, problems, refused := schema.Decode(schema.Lease, "", []byte(body))
	if refused != nil || len(problems) > 0 {
		t.Fatalf("%s: %v, %q", body, refused, problems)
	}
	return o
}

func text(value any) string {
	b, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

const live = `{"metadata":{"name":"a","labels":{"x":"1","y":"2"},"finalizers":["f","g"],"ownerReferences":[{"apiVersion":"v1","kind":"K","name":"n","uid":"u"}]},"spec":{"holderIdentity":"h","leaseDurationSeconds":15}}`

func TestChange(t *testing.T) {
	for _, tt := range []struct{ kind, patch, path, want string }{
		{schema.MergePatch, `{"metadata":{"labels":{"x":null,"z":"3"}}}`, "metadata.labels", `{"y":"2","z":"3"}`},
		{schema.MergePatch, `{"metadata":{"finalizers":["h"]}}`, "metadata.finalizers", `["h"]`},
		{schema.MergePatch, `{"spec":{"holderIdentity":null,"leaseDurationSeconds":20}}`, "spec", `{"leaseDurationSeconds":20}`},
		{schema.MergePatch, `{"spec":null}`, "spec", `{}`},
		{schema.StrategicPatch, `{"metadata":{"labels":{"x":null,"z":"3"}}}`, "metadata.labels", `{"y":"2","z":"3"}`},
		{schema.StrategicPatch, `{"metadata":{"finalizers":["h"]}}`, "metadata.finalizers", `["h","f","g"]`},
		{schema.StrategicPatch, `{"metadata":{"$deleteFromPrimitiveList/finalizers":["f"],"$setElementOrder/finalizers":["h","g"],"finalizers":["h"]}}`, "metadata.finalizers", `["h","g"]`},
		{schema.StrategicPatch, `{"metadata":{"ownerReferences":[{"uid":"u","controller":true},{"apiVersion":"v1","kind":"K","name":"m","uid":"v"}]}}`, "metadata.ownerReferences",
			`[{"apiVersion":"v1","controller":true,"kind":"K","name":"n","uid":"u"},{"apiVersion":"v1","kind":"K","name":"m","uid":"v"}]`},
		{schema.StrategicPatch, `{"metadata":{"ownerReferences":[{"$patch":"delete","uid":"u"}]}}`, "metadata.ownerReferences", `null`},
		{schema.StrategicPatch, `{"metadata":{"ownerReferences":[{"$patch":"replace"},{"apiVersion":"v1","kind":"K","name":"m","uid":"v"}]}}`, "metadata.ownerReferences", `[{"apiVersion":"v1","kind":"K","name":"m","uid":"v"}]`},
		{schema.StrategicPatch, `{"metadata":{"labels":{"$patch":"replace","q":"1"}}}`, "metadata.labels", `{"q":"1"}`},
		{schema.StrategicPatch, `{"spec":{"$patch":"delete"}}`, "spec", `{}`},
		{schema.StrategicPatch, `{"spec":{"$retainKeys":["leaseDurationSeconds"],"leaseDurationSeconds":20}}`, "spec", `{"leaseDurationSeconds":20}`},
		{schema.JSONPatch, `[{"op":"test","path":"/spec/holderIdentity","value":"h"},{"op":"replace","path":"/spec/holderIdentity","value":"i"},{"op":"add","path":"/metadata/labels/a~1b","value":"c"}]`, "spec", `{"holderIdentity":"i","leaseDurationSeconds":15}`},
		{schema.JSONPatch, `[{"op":"remove","path":"/metadata/labels"}]`, "metadata.labels", `null`},
	} {
		before := lease(t, live)
		got, problems, refused := Change(schema.Lease, tt.kind, before, []byte(tt.patch))
		if refused != nil || len(problems) > 0 || text(tree.At(got, strings.Split(tt.path, ".")...)) != tt.want {
			t.Errorf("%s: %v, %s %q, want %s", tt.patch, refused, text(got), problems, tt.want)
		}
		if !reflect.DeepEqual(before, lease(t, live)) {
			t.Errorf("%s: the object was changed", tt.patch)
		}
	}
}

func TestChangeRefuses(t *testing.T) {
	many := "[" + strings.TrimSuffix(strings.Repeat(`{"op":"remove","path":"/a"},`, maxOperations+1), ",") + "]"
	for _, tt := range []struct {
		kind, patch string
		code        int
		want        string
	}{
		{schema.JSONPatch, `[{"op":"test","path":"/spec/holderIdentity","value":"x"}]`, 422, "test failed"},
		{schema.JSONPatch, `[{"op":"remove","path":"/spec/none"}]`, 422, "missing value"},
		{schema.JSONPatch, `{}`, 400, ""}, {schema.JSONPatch, ``, 400, ""}, {schema.JSONPatch, many, 413, "The allowed maximum operations in a JSON patch is 10000, got 10001"},
		{schema.JSONPatch, `[{"op":"replace","path":"","value":[]}]`, 422, ""},
		{schema.MergePatch, `[]`, 400, "must be a JSON object"}, {schema.MergePatch, `{`, 400, "error decoding patch"},
		{schema.MergePatch, `{"spec":{"leaseDurationSeconds":"x"}}`, 422, "cannot unmarshal string into Go struct field LeaseSpec.spec.leaseDurationSeconds of type int32"},
		{schema.MergePatch, `{"kind":"Pod"}`, 422, "cannot be changed"},
		{schema.StrategicPatch, `{"metadata":{"ownerReferences":[{"name":"x"}]}}`, 400, "does not contain declared merge key: uid"},
		{schema.StrategicPatch, `{"metadata":{"ownerReferences":["x"]}}`, 400, "must be objects"},
		{schema.StrategicPatch, `{"metadata":{"finalizers":[["x"]]}}`, 400, ""},
		{schema.StrategicPatch, `{"spec":{"$patch":"other"}}`, 400, "unknown patch type found: other"},
		{schema.StrategicPatch, `{"spec":{"$retainKeys":["x"],"strategy":"y"}}`, 400, "retainKeys"},
		{schema.StrategicPatch, `{"metadata":{"$setElementOrder/labels":["x"]}}`, 400, "setElementOrder"},
		{schema.StrategicPatch, `{"metadata":{"$deleteFromPrimitiveList/finalizers":"x"}}`, 400, "primitive list"},
		{"application/json", `{}`, 415, "application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml"},
	} {
		_, _, refused := Change(schema.Lease, tt.kind, lease(t, live), []byte(tt.patch))
		if refused == nil || refused.Code != tt.code || !strings.Contains(refused.Message, tt.want) {
			t.Errorf("%.80s: %v, want %d %s", tt.patch, refused, tt.code, tt.want)
		}
	}
}

func TestChangeReportsUnknownFields(t *testing.T) {
	object, problems, _ := Change(schema.Lease, schema.MergePatch, lease(t, live), []byte(`{"spec":{"x":1,"strategy":"a","strategy":"b"}}`))
	if want := []string{`duplicate field "spec.strategy"`, `unknown field "spec.x"`}; !reflect.DeepEqual(problems, want) {
		t.Errorf("%q", problems)
	}
	refused := Strict(object, problems)
	if refused.Code != 422 || !strings.HasSuffix(refused.Message, `strict decoding error: duplicate field "spec.strategy", unknown field "spec.x"`) || refused.Details.Causes[0].Field != "patch" {
		t.Errorf("%+v", refused)
	}
}

// A copy operation may not make a small patch large.
func TestJSONPatchBoundsCopies(t *testing.T) {
	body := `[{"op":"add","path":"/metadata/annotations","value":{"a":"` + strings.Repeat("x", 1000) + `"}}`
	for i := range 5000 {
		body += fmt.Sprintf(`,{"op":"copy","from":"/metadata/annotations/a","path":"/metadata/annotations/b%d"}`, i)
	}
	if _, _, refused := Change(schema.Lease, schema.JSONPatch, lease(t, live), []byte(body+"]")); refused == nil || refused.Code != 422 {
		t.Errorf("%v", refused)
	}
}

// values generates JSON values without nulls.
func values() *rapid.Generator[any] {
	return rapid.Deferred(func() *rapid.Generator[any] {
		return rapid.OneOf(
			rapid.Map(rapid.StringMatching(`[a-c]?`), func(s string) any { return s }),
			rapid.Map(rapid.Int64Range(0, 2), func(n int64) any { return n }),
			rapid.Map(objects(), func(o map[string]any) any { return o }),
			rapid.Map(rapid.SliceOfN(rapid.StringMatching(`[a-c]?`), 0, 2), func(list []string) any {
				elements := []any{}
				for _, s := range list {
					elements = append(elements, s)
				}
				return elements
			}),
		)
	})
}

func objects() *rapid.Generator[map[string]any] {
	return rapid.MapOfN(rapid.StringMatching(`[a-c]`), rapid.Deferred(values), 0, 3)
}

// diff returns the merge patch that makes after of before.
func diff(before, after map[string]any) map[string]any {
	patch := make(map[string]any)
	for name := range before {
		if _, ok := after[name]; !ok {
			patch[name] = nil
		}
	}
	for name, value := range after {
		old, isObject := before[name].(map[string]any)
		now, becomes := value.(map[string]any)
		switch {
		case isObject && becomes:
			patch[name] = diff(old, now)
		case !tree.Equal(before[name], value):
			patch[name] = value
		}
	}
	return patch
}

func TestMergePatchOfADifferenceIsTheOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, after := objects().Draw(t, "before"), objects().Draw(t, "after")
		patch := diff(before, after)
		got := Merge(before, patch)
		if !tree.Equal(got, after) {
			t.Fatalf("%v and %v give %v, want %v", before, patch, got, after)
		}
		if !tree.Equal(Merge(got, patch), got) {
			t.Fatal("a merge patch is not idempotent")
		}
	})
}

func FuzzChange(f *testing.F) {
	f.Add([]byte(`{"metadata":{"$setElementOrder/finalizers":["a"],"finalizers":["a"],"ownerReferences":[{"$patch":"delete","uid":"u"}]}}`))
	f.Add([]byte(`[{"op":"move","from":"/spec","path":"/metadata/x"}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, kind := range schema.PatchTypes() {
			before := lease(t, live)
			object, _, refused := Change(schema.Lease, kind, before, body)
			if !reflect.DeepEqual(before, lease(t, live)) {
				t.Fatal("the object was changed")
			}
			if refused != nil {
				continue
			}
			if again, problems, refused := schema.Decode(schema.Lease, "", []byte(text(object))); refused != nil || len(problems) > 0 || !reflect.DeepEqual(again, object) {
				t.Fatalf("%v is not canonical: %v", object, refused)
			}
		}
	})
}
