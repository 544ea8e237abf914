package form

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/lockd/lockd/internal/fsm"
)

// decodeAll decodes a body that has a member for each type of value.
func decodeAll(body []byte) (got map[string]any, wrong fsm.Invalid) {
	got = make(map[string]any)
	wrong = Decode(body, Members{}, func(d *Decoder, field string) bool {
		switch field {
		case "text":
			got[field] = d.Text(field)
		case "integer":
			got[field] = d.Integer(field, math.MinInt64, math.MaxInt64)
		case "object":
			got[field] = d.Raw(field)
		case "list":
			var names []string
			d.List(field, 1, 3, func(element, prefix string) {
				d.Object(element, prefix, Members{}, func(name string) bool {
					if name == "name" {
						names = append(names, d.Text(prefix+name))
					}
					return name == "name"
				})
			})
			got[field] = names
		default:
			return false
		}
		return true
	})
	return got, wrong
}

func TestDecodeAcceptsValidBody(t *testing.T) {
	got, wrong := decodeAll([]byte(" {\t\"text\" : \"a\\u00e4\\n\\ud83d\\ude00\\\\\" , \"integer\":-7,\r\n\"object\":{ \"a\" : [ 1 , { } ] }," +
		"\"list\":[ {\"name\":\"x\"} , {} ]\n} \n"))
	if wrong != nil {
		t.Fatal(wrong)
	}
	if got["text"] != "aä\n😀\\" || got["integer"] != int64(-7) || got["object"] != `{"a":[1,{}]}` {
		t.Errorf("%#v", got)
	}
	if l := got["list"].([]string); len(l) != 1 || l[0] != "x" {
		t.Errorf("%#v", l)
	}
}

func TestDecodeReportsInvalidFields(t *testing.T) {
	for body, want := range map[string]string{
		``:                                      "body must be a JSON object; it is empty",
		`{"text":"a"`:                           "body must be one JSON object: unexpected end of JSON input (at byte 11)",
		`{"te\u0078t":"a","text":"b"}`:          "text must not appear twice",
		`{"text":"\ud83d"}`:                     "text must be Unicode: it has half of a surrogate pair",
		`{"text":"\ude00\ud83d"}`:               "text must be Unicode: it has half of a surrogate pair",
		`{"integer":1.50}`:                      "integer must be an integer, without fraction or exponent",
		`{"integer":9223372036854775808}`:       "integer must be from -9223372036854775808 to 9223372036854775807",
		`{"object":{"a":{"b":1,"b":2}}}`:        `object must not have the member "b" twice`,
		`{"list":[{"name":"a"},{"nome":"b"}]}`:  "list[1].nome is unknown",
		`{"list":[{"name":"a"},7]}`:             "list[1] must be an object",
		`{"list":[{},{},{},{}]}`:                "list must have from 1 to 3 elements",
		`{"object":{"a":[[[[[[[]]]]]]]}}`:       "body must have at most 8 levels of nesting",
		`{"unknown":{"a":[[[[[[[[[]]]]]]]]]}}`:  "unknown is unknown",
		`{"text":null}`:                         "text must be a string",
		`{"integer":true,"object":[],"list":1}`: "integer must be an integer",
	} {
		_, wrong := decodeAll([]byte(body))
		if len(wrong) == 0 || wrong.Error() != want {
			t.Errorf("%s: %v, want %s", body, wrong, want)
		}
	}
	if got, wrong := decodeAll([]byte(`{"integer":-7.00}`)); wrong != nil || got["integer"] != int64(-7) {
		t.Errorf("-7.00 is %v, %v", got["integer"], wrong)
	}
	if _, wrong := decodeAll([]byte(`{"object":{"a":[[[[[[]]]]]]}}`)); wrong != nil {
		t.Errorf("8 deep: %v", wrong)
	}
	for _, deep := range []int{9, 10_001, 30_000} { // the limit of encoding/json is 10,000
		body := strings.Repeat("[", deep) + strings.Repeat("]", deep)
		if wrong := Decode([]byte(`{"object":{"a":`+body+`}}`), Members{}, func(*Decoder, string) bool { return false }); wrong[len(wrong)-1].Reason != tooDeep() {
			t.Errorf("%d deep: %.200v", deep, wrong)
		}
	}
}

// FuzzDecode compares the decoder with encoding/json, which must read an accepted body with the same result. The
// decoder must never panic and never return too many errors.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"text":"a","integer":1,"object":{"a":[1,{"b":null}]},"list":[{"name":"x"}]}`, `{"text":"\ud83d\ude00"}`,
		`{"text":"\ud83d","text":1}`, `{"a":[[[[[[[[[[]]]]]]]]]]}`, ` { "integer" : -0 } `, `{"list":[1,[],"a",{"name":{}}]}`, `[`, "\xff",
		`{"object":{"a":1,"a":2},"x":{"y":"\uD800"}}`, `{"text":"\\\"\u005c"}`, "{\"" + strings.Repeat("a", 100) + "\":1}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, wrong := decodeAll(body)
		if len(wrong) > MaxErrors+1 {
			t.Errorf("%d field errors", len(wrong))
		}
		if wrong != nil {
			return
		}
		var want struct {
			Text    string          `json:"text"`
			Integer float64         `json:"integer"`
			Object  json.RawMessage `json:"object"`
			List    []struct{ Name string }
		}
		if err := json.Unmarshal(body, &want); err != nil {
			t.Fatalf("accepted, but %v", err)
		}
		if s, ok := got["text"]; ok && s != want.Text {
			t.Errorf("text is %q, want %q", s, want.Text)
		}
		if n, ok := got["integer"]; ok && float64(n.(int64)) != want.Integer {
			t.Errorf("integer is %v, want %v", n, want.Integer)
		}
		if o, ok := got["object"]; ok && !json.Valid([]byte(o.(string))) {
			t.Errorf("object is %q", o)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	body := []byte(`{"session":"9f0c4d1e8b7a46538c2f1e0d9b8a7c6d","token":184467,"ttl_ms":15000,"meta":{"url":"http://10.0.0.7:9000"}}`)
	b.ReportAllocs()
	for b.Loop() {
		Decode(body, Members{}, func(d *Decoder, field string) bool {
			switch field {
			case "session":
				d.Text(field)
			case "token", "ttl_ms":
				d.Integer(field, 1, fsm.MaxSafeInteger)
			case "meta":
				d.Raw(field)
			}
			return true
		})
	}
}
