package schema

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"
)

func decodeJSON(t *testing.T, s *Schema, body string) map[string]any {
	t.Helper()
	tree, unknown, refused := Decode(s, "", []byte(body))
	if refused != nil || len(unknown) > 0 {
		t.Fatalf("%s: %v, %q", body, refused, unknown)
	}
	return tree
}

func TestDecodeReturnsTheCanonicalObject(t *testing.T) {
	got := decodeJSON(t, Lease, `{"metadata":{"name":"a","labels":{},"creationTimestamp":null,"finalizers":[null],"annotations":{"x":null}},
		"spec":{"holderIdentity":"","leaseDurationSeconds":15,"renewTime":"2026-01-02T04:04:05.000001+01:00","acquireTime":null,"leaseTransitions":0}}`)
	want := map[string]any{
		"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
		"metadata": map[string]any{"name": "a", "finalizers": []any{""}, "annotations": map[string]any{"x": ""}},
		"spec": map[string]any{
			"holderIdentity": "", "leaseDurationSeconds": int64(15), "renewTime": "2026-01-02T03:04:05.000001Z", "leaseTransitions": int64(0),
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := decodeJSON(t, LeaseCandidate, `{}`)["spec"]; !reflect.DeepEqual(got, map[string]any{"leaseName": "", "binaryVersion": ""}) {
		t.Errorf("required fields of an empty candidate: %v", got)
	}
}

func TestDecodeReportsUnknownAndDuplicateFields(t *testing.T) {
	body := `{"metadata":{"nam":"a","ownerReferences":[{"uid":"1"},{"uid":"2","x":1}],"labels":{"a":"1","a":"2"}},"spec":{"x":{"y":1},"holderIdentity":"a","holderIdentity":"b"}}`
	tree, problems, refused := Decode(Lease, "application/json; charset=utf-8", []byte(body))
	want := []string{
		`duplicate field "metadata.labels.a"`, `duplicate field "spec.holderIdentity"`,
		`unknown field "metadata.nam"`, `unknown field "metadata.ownerReferences[1].x"`, `unknown field "spec.x"`,
	}
	if refused != nil || !reflect.DeepEqual(problems, want) {
		t.Fatalf("%q, %v", problems, refused)
	}
	if spec := tree["spec"].(map[string]any); spec["holderIdentity"] != "b" || spec["x"] != nil {
		t.Errorf("the last duplicate counts, and unknown fields are dropped: %v", spec)
	}
	if text := Strict(problems[2:3]); text != `strict decoding error: unknown field "metadata.nam"` {
		t.Error(text)
	}
	many := `{` + strings.TrimSuffix(strings.Repeat(`"a":1,`, 5000), ",") + `,"b":1}`
	if _, problems, _ := Decode(Lease, "", []byte(many)); len(problems) != 3 {
		t.Errorf("a repeated problem is reported once: %q", problems)
	}
}

func TestDecodeRefusesWithTheTextsOfKubernetes(t *testing.T) {
	for _, tt := range []struct{ kind, body, want string }{
		{"", `{"spec":{"leaseDurationSeconds":"15"}}`, `Lease in version "v1" cannot be handled as a Lease: json: cannot unmarshal string into Go struct field LeaseSpec.spec.leaseDurationSeconds of type int32`},
		{"", `{"spec":{"leaseDurationSeconds":99999999999}}`, `cannot unmarshal number 99999999999 into Go struct field LeaseSpec.spec.leaseDurationSeconds of type int32`},
		{"", `{"spec":{"leaseDurationSeconds":1.5}}`, `cannot unmarshal number 1.5 into`},
		{"", `{"spec":{"leaseDurationSeconds":1e99999}}`, `cannot unmarshal number 1e99999 into`},
		{"", `{"metadata":{"labels":["a"]}}`, `cannot unmarshal array into Go struct field ObjectMeta.metadata.labels of type map[string]string`},
		{"", `{"metadata":{"labels":{"a":1}}}`, `cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string`},
		{"", `{"metadata":{"ownerReferences":[{"controller":"yes"}]}}`, `cannot unmarshal string into Go struct field OwnerReference.metadata.ownerReferences.controller of type bool`},
		{"", `{"spec":7}`, `cannot unmarshal number into Go struct field Lease.spec of type v1.LeaseSpec`},
		{"", `{"spec":{"renewTime":"2026-01-02T03:04:05Z"}}`, `parsing time "2026-01-02T03:04:05Z" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "Z" as ".000000"`},
		{"", `{"spec":{"renewTime":"9999-12-31T23:59:59.000000-23:00"}}`, `year of a time`},
		{"", `{"spec":{"renewTime":5}}`, `json: cannot unmarshal number into Go struct field LeaseSpec.spec.renewTime of type string`},
		{"", `{"metadata":{"managedFields":[{"fieldsV1":{"f:a":1}}]}}`, `use nested objects`},
		{"", `{"kind":"Pod"}`, `Pod in version "v1" cannot be handled as a Lease: no kind "Pod" is registered for version "coordination.k8s.io/v1"`},
		{"", `{"apiVersion":"coordination.k8s.io/v9"}`, `the API version in the data (coordination.k8s.io/v9) does not match the expected API version (coordination.k8s.io/v1)`},
		{"", `{"kind":1}`, `couldn't get version/kind; json parse error: json: cannot unmarshal number into Go struct field .kind of type string`},
		{"", `{"a"`, `the object provided is unrecognized (must be of type Lease): couldn't get version/kind; json parse error: unexpected end of JSON input ({"a")`},
		{"", `[]`, `json: cannot unmarshal array into Go value of type v1.Lease`},
		{"", ``, `unexpected end of JSON input (<empty>)`},
		{"", "{\"kind\":\"\xff\"}", `invalid UTF-8`},
		{"", strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40), `exceeded max depth`},
		{"", strings.Repeat(`[`, 200_000), `exceeded max depth`},
		{Protobuf, `{}`, `provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]`},
		{Protobuf, "k8s\x00", `empty body`},
		{YAML, "a: &x [1]\nb: *x", `aliases are not supported`},
		{"text/plain", `{}`, `the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf`},
		{";;", `{}`, `unknown format`},
	} {
		_, _, refused := Decode(Lease, tt.kind, []byte(tt.body))
		if refused == nil || !strings.Contains(refused.Message, tt.want) {
			t.Errorf("%.60q: %v, want %q", tt.body, refused, tt.want)
		}
	}
	if _, _, refused := Decode(Lease, "", make([]byte, MaxBody+1)); refused == nil || refused.Code != 413 {
		t.Errorf("a large body: %v", refused)
	}
}

func TestDeleteOptionsMayNameAnyGroup(t *testing.T) {
	got := decodeJSON(t, DeleteOptions, `{"kind":"DeleteOptions","apiVersion":"coordination.k8s.io/v1","preconditions":{"resourceVersion":"7"}}`)
	if want := map[string]any{"resourceVersion": "7"}; !reflect.DeepEqual(got["preconditions"], want) {
		t.Errorf("%v", got)
	}
}

func TestYAMLIsReadAsJSON(t *testing.T) {
	yaml := "metadata:\n  name: a\n  creationTimestamp: 2026-01-02T03:04:05Z\nspec:\n  leaseDurationSeconds: 15\n  holderIdentity: \"1\"\n"
	tree, _, refused := Decode(Lease, YAML, []byte(yaml))
	want := decodeJSON(t, Lease, `{"metadata":{"name":"a","creationTimestamp":"2026-01-02T03:04:05Z"},"spec":{"leaseDurationSeconds":15,"holderIdentity":"1"}}`)
	if refused != nil || !reflect.DeepEqual(tree, want) {
		t.Errorf("%v, %v", tree, refused)
	}
	if _, problems, _ := Decode(Lease, YAML, []byte("spec:\n  x: 1\nspec: {}\n")); !reflect.DeepEqual(problems, []string{`duplicate field "spec"`}) {
		t.Errorf("%q", problems)
	}
}

// field returns the bytes of a message's field.
func field(n protowire.Number, value string) string {
	return string(protowire.AppendString(protowire.AppendTag(nil, n, protowire.BytesType), value))
}

func varint(n protowire.Number, value uint64) string {
	return string(protowire.AppendVarint(protowire.AppendTag(nil, n, protowire.VarintType), value))
}

func envelope(message string) []byte {
	return []byte(envelopePrefix + field(1, field(1, "coordination.k8s.io/v1")+field(2, "Lease")) + field(2, message))
}

func TestDecodeReadsProtobuf(t *testing.T) {
	entry := field(1, "k") + field(2, "v")
	meta := field(1, "a") + field(11, entry) + field(14, "f1") + field(14, "f2") + field(8, varint(1, 1000)+varint(2, 5)) + field(99, "unknown")
	spec := field(1, "") + varint(2, 15) + field(4, varint(1, 1)+varint(2, 1999)) + field(3, "")
	tree, problems, refused := Decode(Lease, Protobuf, envelope(field(1, meta)+field(2, spec)+field(2, varint(5, 1<<64-3))))
	want := decodeJSON(t, Lease, `{"metadata":{"name":"a","labels":{"k":"v"},"finalizers":["f1","f2"],"creationTimestamp":"1970-01-01T00:16:40Z"},
		"spec":{"holderIdentity":"","leaseDurationSeconds":15,"renewTime":"1970-01-01T00:00:01.000001Z","leaseTransitions":-3}}`)
	if refused != nil || problems != nil || !reflect.DeepEqual(tree, want) {
		t.Errorf("%v, %v", tree, refused)
	}
}

func TestDecodeRefusesMalformedProtobuf(t *testing.T) {
	for name, tt := range map[string]struct {
		body []byte
		want string
	}{
		"a wrong wire type":       {envelope(varint(1, 5)), "wrong wireType = 0 for field metadata"},
		"a string for an integer": {envelope(field(2, field(2, "15"))), "wrong wireType = 2 for field leaseDurationSeconds"},
		"a truncated message":     {envelope(field(2, "x"))[:40], "unexpected EOF"},
		"an overlong varint":      {envelope(field(2, "\x10"+strings.Repeat("\xff", 11))), "variable length integer overflow"},
		"an invalid string":       {envelope(field(2, field(1, "\xff"))), "invalid UTF-8"},
		"a year out of range":     {envelope(field(2, field(4, varint(1, 1<<62)))), "year"},
		"an encoding":             {append(envelope(""), field(3, "gzip")...), "contentEncoding"},
		"a wrong content type":    {append(envelope(""), field(4, "application/json")...), "contentType"},
		"an open group":           {envelope(strings.Repeat("\x0b", 100_000)), "cannot be handled"},
	} {
		if _, _, refused := Decode(Lease, Protobuf, tt.body); refused == nil || refused.Code != 400 || !strings.Contains(refused.Message, tt.want) {
			t.Errorf("%s: %v, want %q", name, refused, tt.want)
		}
	}
}

func TestConformIsIdempotentAndKeepsItsInput(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SampledFrom(append(All(), DeleteOptions)).Draw(t, "schema")
		body := conforming(s.Object, 4).Draw(t, "body")
		text, _ := json.Marshal(body)
		object, unknown, err := s.Conform(body)
		if err != nil || len(unknown) > 0 {
			t.Fatalf("%v, %q", err, unknown)
		}
		again, _, err := s.Conform(object)
		if err != nil || !reflect.DeepEqual(again, object) {
			t.Fatalf("%v, then %v (%v)", object, again, err)
		}
		if after, _ := json.Marshal(body); !bytes.Equal(after, text) {
			t.Fatalf("the input has changed: %s, was %s", after, text)
		}
	})
}

// conforming generates trees that conform to an object.
func conforming(o *Object, depth int) *rapid.Generator[map[string]any] {
	return rapid.Custom(func(t *rapid.T) map[string]any {
		tree := make(map[string]any)
		for _, f := range o.Fields {
			if rapid.Bool().Draw(t, f.Name) && depth > 0 {
				tree[f.Name] = valueOf(t, f, depth)
			}
		}
		return tree
	})
}

func valueOf(t *rapid.T, f Field, depth int) any {
	text := rapid.StringMatching(`[a-z]{0,2}`)
	switch f.Type {
	case Bool:
		return rapid.Bool().Draw(t, "bool")
	case Int32, Int64:
		return int64(rapid.Int32().Draw(t, "int"))
	case Time:
		return FormatTime(time.Unix(int64(rapid.Int32().Draw(t, "time")), 0))
	case MicroTime:
		return FormatMicroTime(time.UnixMicro(rapid.Int64Range(-1e15, 1e15).Draw(t, "micros")))
	case Message:
		return conforming(f.Object, depth-1).Draw(t, "message")
	case Messages:
		var list []any
		for range rapid.IntRange(0, 2).Draw(t, "n") {
			list = append(list, conforming(f.Object, depth-1).Draw(t, "element"))
		}
		return list
	case Strings:
		list := []any{}
		for _, s := range rapid.SliceOfN(text, 0, 2).Draw(t, "strings") {
			list = append(list, s)
		}
		return list
	case Map, ListMap, FieldSet:
		return map[string]any{}
	default:
		return text.Draw(t, "text")
	}
}

func FuzzDecodeJSON(f *testing.F) {
	f.Add([]byte(`{"metadata":{"name":"a","labels":{"a":"b"}},"spec":{"leaseDurationSeconds":15,"renewTime":"2026-01-02T03:04:05.000001Z"}}`))
	f.Add([]byte(`{"spec":{"x":[1,{"y":null}],"leaseTransitions":-1e5}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, s := range append(All(), DeleteOptions) {
			for _, kind := range []string{JSON, YAML} {
				checkDecoded(t, s, kind, body)
			}
		}
	})
}

func FuzzDecodeProtobuf(f *testing.F) {
	f.Add([]byte(field(1, field(1, "a")+field(11, field(1, "k")+field(2, "v"))) + field(2, varint(2, 15)+field(4, varint(1, 1)))))
	f.Fuzz(func(t *testing.T, message []byte) {
		checkDecoded(t, Lease, Protobuf, message)
		for _, s := range append(All(), DeleteOptions) {
			checkDecoded(t, s, Protobuf, []byte(envelopePrefix+field(2, string(message))))
		}
	})
}

// checkDecoded checks that a decoded object is canonical: its JSON decodes to itself.
func checkDecoded(t *testing.T, s *Schema, kind string, body []byte) {
	object, _, refused := Decode(s, kind, body)
	if refused != nil {
		return
	}
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	again, problems, refused := Decode(s, JSON, text)
	if refused != nil || len(problems) > 0 || !reflect.DeepEqual(again, object) {
		t.Fatalf("%s decodes to %v (%q, %v), want %v", text, again, problems, refused, object)
	}
}

func TestStoredDocumentIsParsedLikeABody(t *testing.T) {
	for _, body := range []string{
		`{}`, `{"a":{"b":[1,2.5,-3,"x",null,true,{"c":9223372036854775807,"d":9223372036854775808}]},"e":null,"f":"\u003c\ud83d\ude00"}`, `[]`, `"x"`, `7`,
	} {
		want, _, err := ParseJSON([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ParseStored(body); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %#v, %v; want %#v", body, got, err, want)
		}
	}
	if _, err := ParseStored(`{"a":`); err == nil {
		t.Error("half of a document is one")
	}
}
