package form

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// FuzzWellFormed compares wellFormed and compact with encoding/json.
func FuzzWellFormed(f *testing.F) {
	for _, text := range []string{
		``, ` `, `"`, `""`, `"a`, `"\`, `"\"`, `"\u00`, `"\u00zz"`, `"\u00Ff\/\b\f\n\r\t\\"`, `"\x"`, "\"a\tb\"", "\"\x7fä\"", "\"\xff\"",
		`0`, `-`, `-0`, `01`, `1.`, `1.5`, `.5`, `1e`, `1e5`, `1E+5`, `1e-5`, `1e+`, `-1.25E-7`, `+1`, `1 2`,
		`true`, `tru`, `truer`, `false`, `null`, `nul`, `NaN`,
		`[]`, `[`, `]`, `[1`, `[1,`, `[1,]`, `[,1]`, `[1 2]`, ` [ 1 , "a b" , [ ] ] `, "\t{\r\n}\n",
		`{}`, `{`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a":1 "b":2}`, `{"a" : " x \" y " , "b":{ } }`, `{1:2}`, `{"a":1}}`, `{"a":1}x`,
		"\ufeff{}", "[\u00a01]", strings.Repeat("[", 9) + strings.Repeat("]", 9), strings.Repeat(`{"a":`, 40), strings.Repeat("[", 40) + strings.Repeat("]", 40),
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, want := wellFormed(text), json.Valid(text)
		depth := bytes.Count(text, []byte("[")) + bytes.Count(text, []byte("{"))
		if got != want && (got || depth <= MaxDepth) {
			t.Fatalf("%q: well-formed %v, want %v", text, got, want)
		}
		if !want {
			return
		}
		var b bytes.Buffer
		if err := json.Compact(&b, text); err != nil {
			t.Fatal(err)
		}
		if c := compact(text); c != b.String() {
			t.Errorf("%q: %q, want %q", text, c, b.String())
		}
	})
}
