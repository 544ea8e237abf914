package kube

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	coordinationv1beta1 "k8s.io/api/coordination/v1beta1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"pgregory.net/rapid"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/randfill"

	"github.com/lockd/lockd/internal/kube/schema"
)

// A kind is a kind of both sides.
type kind struct {
	schema *schema.Schema
	object func() runtime.Object
}

func kinds() []kind {
	return []kind{
		{schema.Lease, func() runtime.Object { return new(coordinationv1.Lease) }},
		{schema.LeaseCandidate, func() runtime.Object { return new(coordinationv1beta1.LeaseCandidate) }},
		{schema.CoreEvent, func() runtime.Object { return new(corev1.Event) }},
		{schema.Event, func() runtime.Object { return new(eventsv1.Event) }},
		{schema.SelfSubjectAccessReview, func() runtime.Object { return new(authorizationv1.SelfSubjectAccessReview) }},
		{schema.SelfSubjectRulesReview, func() runtime.Object { return new(authorizationv1.SelfSubjectRulesReview) }},
		{schema.SelfSubjectReview, func() runtime.Object { return new(authenticationv1.SelfSubjectReview) }},
		{schema.DeleteOptions, func() runtime.Object { return new(metav1.DeleteOptions) }},
	}
}

// scheme returns the scheme of the kinds.
func scheme() *runtime.Scheme {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		coordinationv1.AddToScheme, coordinationv1beta1.AddToScheme, corev1.AddToScheme, eventsv1.AddToScheme,
		authorizationv1.AddToScheme, authenticationv1.AddToScheme,
	} {
		if err := add(s); err != nil {
			panic(err)
		}
	}
	return s
}

// fill fills an object with random values that JSON can express.
func fill(object any, seed int64) {
	at := func(c randfill.Continue) time.Time { return time.Unix(c.Int63n(1<<33)+1, c.Int63n(1e9)) }
	randfill.NewWithSeed(seed).NilChance(0.4).NumElements(0, 3).MaxDepth(12).Funcs(
		func(*metav1.TypeMeta, randfill.Continue) {},
		func(s *string, c randfill.Continue) { *s = []string{"", "a", "äö", "x/y", "\u2028"}[c.Intn(5)] },
		func(t *metav1.Time, c randfill.Continue) { t.Time = at(c).Truncate(time.Second) },
		func(t *metav1.MicroTime, c randfill.Continue) { t.Time = at(c).Truncate(time.Microsecond) },
		func(f *metav1.FieldsV1, _ randfill.Continue) {
			f.SetRawBytes([]byte(`{"f:spec":{"f:holderIdentity":{}}}`))
		},
	).Fill(object)
}

// without returns a JSON value without nulls, and with integers as int64.
func without(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for name, below := range value {
			if below == nil {
				delete(value, name)
			} else {
				value[name] = without(below)
			}
		}
	case []any:
		for i, element := range value {
			value[i] = without(element)
		}
	case json.Number:
		n, err := value.Int64()
		if err != nil {
			panic(err)
		}
		return n
	}
	return value
}

func TestProtobufAndJSONOfKubernetesDecodeToTheSameTree(t *testing.T) {
	types := scheme()
	encoder := protobuf.NewSerializer(types, types)
	for _, k := range kinds() {
		t.Run(k.schema.GroupVersion()+"."+k.schema.Kind, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				object := k.object()
				fill(object, rapid.Int64().Draw(t, "seed"))
				gvk := object.GetObjectKind()
				kinds, _, err := types.ObjectKinds(object)
				if err != nil {
					t.Fatal(err)
				}
				for _, known := range kinds {
					if known.Group == k.schema.Group && known.Version == k.schema.Version {
						gvk.SetGroupVersionKind(known)
					}
				}
				text, err := json.Marshal(object)
				if err != nil {
					t.Fatal(err)
				}
				var message bytes.Buffer
				if err := encoder.Encode(object, &message); err != nil {
					t.Fatal(err)
				}
				fromJSON, problems, refused := schema.Decode(k.schema, schema.JSON, text)
				if refused != nil || len(problems) > 0 {
					t.Fatalf("%s: %v, %q", text, refused, problems)
				}
				fromProtobuf, problems, refused := schema.Decode(k.schema, schema.Protobuf, message.Bytes())
				if refused != nil || len(problems) > 0 || !reflect.DeepEqual(fromProtobuf, fromJSON) {
					t.Fatalf("%s: %v (%q)\n%v", text, refused, problems, fromProtobuf)
				}
				decoder := json.NewDecoder(bytes.NewReader(text))
				decoder.UseNumber()
				var generic map[string]any
				if err := decoder.Decode(&generic); err != nil {
					t.Fatal(err)
				}
				if want := without(generic); !hasNilLists(k.schema) && !reflect.DeepEqual(fromJSON, want) {
					t.Fatalf("%v, want %v", fromJSON, want)
				}
				checkBack(t, k, object, fromJSON)
			})
		})
	}
}

// hasNilLists reports whether Kubernetes writes null for a list without elements, which lockd writes as a list.
func hasNilLists(s *schema.Schema) bool {
	return s == schema.SelfSubjectRulesReview || s == schema.SelfSubjectReview
}

// checkBack checks that Kubernetes reads the object that was written.
func checkBack(t *rapid.T, k kind, object runtime.Object, tree map[string]any) {
	text, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	back := k.object()
	strict, err := kjson.UnmarshalStrict(text, back)
	if err != nil || len(strict) > 0 {
		t.Fatalf("%s: %v, %v", text, err, strict)
	}
	want, _ := json.Marshal(object)
	got, _ := json.Marshal(back)
	if !hasNilLists(k.schema) && !bytes.Equal(got, want) {
		t.Fatalf("%s, want\n%s", got, want)
	}
}

// mutate returns a JSON document of random fields, some of which are unknown, repeated or of wrong types.
func mutated(t *rapid.T, o *schema.Object, depth int) string {
	var fields []string
	for _, f := range o.Fields {
		for range rapid.SampledFrom([]int{0, 0, 0, 1, 1, 2}).Draw(t, "times") {
			fields = append(fields, fmt.Sprintf("%q:%s", f.Name, mutatedValue(t, f, depth)))
		}
	}
	if rapid.IntRange(0, 4).Draw(t, "unknown") == 0 {
		fields = append(fields, `"none":{"a":1}`)
	}
	return "{" + strings.Join(fields, ",") + "}"
}

func mutatedValue(t *rapid.T, f schema.Field, depth int) string {
	if rapid.IntRange(0, 60).Draw(t, "wrong") == 0 || depth == 0 {
		return rapid.SampledFrom([]string{`null`, `1`, `"x"`, `true`, `[]`, `{}`, `1.5`, `99999999999`}).Draw(t, "value")
	}
	switch f.Type {
	case schema.Bool:
		return "true"
	case schema.Int32, schema.Int64:
		return "7"
	case schema.Time:
		return rapid.SampledFrom([]string{`"2026-01-02T03:04:05Z"`, `"2026-01-02T03:04:05.5+01:00"`, `"2026-01-02"`, `null`}).Draw(t, "time")
	case schema.MicroTime:
		return rapid.SampledFrom([]string{`"2026-01-02T03:04:05.000001Z"`, `"2026-01-02T03:04:05.000001+01:00"`, `"2026-01-02T03:04:05Z"`, `null`}).Draw(t, "time")
	case schema.Message:
		return mutated(t, f.Object, depth-1)
	case schema.Strings:
		return rapid.SampledFrom([]string{`["a"]`, `[null,"b"]`, `[]`, `[1]`}).Draw(t, "list")
	case schema.Messages:
		return "[" + mutated(t, f.Object, depth-1) + "]"
	case schema.Map:
		return rapid.SampledFrom([]string{`{"a":"b"}`, `{"a":"b","a":"c"}`, `{"a":null}`, `{"a":1}`}).Draw(t, "map")
	case schema.ListMap, schema.FieldSet:
		return `{}`
	default:
		return `"s"`
	}
}

// Both sides find the same unknown and duplicate fields, and refuse the same values of wrong types. The order of the
// problems differs: lockd reports duplicate fields first. Of a wrong document, the sides may report different values.
func TestStrictDecodingFindsTheSameProblems(t *testing.T) {
	for _, k := range kinds() {
		t.Run(k.schema.GroupVersion()+"."+k.schema.Kind, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				body := mutated(t, k.schema.Object, 4)
				object := k.object()
				strict, err := kjson.UnmarshalStrict([]byte(body), object)
				tree, problems, refused := schema.Decode(k.schema, "", []byte(body))
				if lastWins(body) && (err == nil) != (refused == nil) {
					return // of a duplicate field, lockd checks the last value only
				}
				if (err == nil) != (refused == nil) {
					t.Fatalf("%s: %v, Kubernetes: %v", body, refused, err)
				}
				if err != nil {
					return
				}
				var want []string
				for _, problem := range strict {
					want = append(want, problem.Error())
				}
				if lastWins(body) {
					return
				}
				slices.Sort(want)
				slices.Sort(problems)
				if !slices.Equal(problems, want) {
					t.Fatalf("%s: %q, want %q", body, problems, want)
				}
				text, _ := json.Marshal(object)
				again, _, refused := schema.Decode(k.schema, "", text)
				tree["apiVersion"], tree["kind"] = again["apiVersion"], again["kind"]
				if refused != nil || !reflect.DeepEqual(again, tree) {
					t.Fatalf("%s: %v, want %v (%v)", body, tree, again, refused)
				}
			})
		})
	}
}

// lastWins reports whether a field is repeated. Kubernetes merges the objects of repeated fields, lockd takes the last.
func lastWins(body string) bool {
	_, problems, _ := schema.ParseJSON([]byte(body))
	return slices.ContainsFunc(problems, func(p string) bool { return strings.HasPrefix(p, "duplicate") })
}

// The texts of errors for one wrong value are the same.
func TestErrorsOfWrongTypesAreTheSame(t *testing.T) {
	for _, body := range []string{
		`{"metadata":{"name":1}}`, `{"metadata":{"labels":[]}}`, `{"metadata":{"labels":{"a":1}}}`, `{"metadata":{"labels":{"a":{}}}}`,
		`{"metadata":{"finalizers":"x"}}`, `{"metadata":{"finalizers":[1]}}`, `{"metadata":{"ownerReferences":{}}}`, `{"metadata":{"ownerReferences":[1]}}`,
		`{"metadata":{"ownerReferences":[{"controller":"x"}]}}`, `{"metadata":{"generation":"1"}}`, `{"metadata":{"generation":1.5}}`, `{"metadata":[]}`,
		`{"spec":true}`, `{"spec":{"leaseDurationSeconds":4294967296}}`, `{"spec":{"leaseDurationSeconds":{}}}`, `{"spec":{"holderIdentity":[]}}`,
		`{"spec":{"renewTime":1}}`, `{"spec":{"renewTime":"x"}}`, `{"spec":{"renewTime":"2026-01-02T03:04:05Z"}}`, `{"metadata":{"creationTimestamp":"x"}}`,
		`{"metadata":{"managedFields":[{"time":5}]}}`,
	} {
		_, err := kjson.UnmarshalStrict([]byte(body), new(coordinationv1.Lease))
		_, _, refused := schema.Decode(schema.Lease, "", []byte(body))
		if err == nil || refused == nil {
			t.Fatalf("%s: %v, Kubernetes: %v", body, refused, err)
		}
		want := fmt.Sprintf("Lease in version \"v1\" cannot be handled as a Lease: %v", err)
		if refused.Message != want {
			t.Errorf("%s:\n%s, want\n%s", body, refused.Message, want)
		}
	}
}
