package view

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/lockd/lockd/internal/fsm"
)

// TestMetaIsInsertedAsItIs compares a hold with meta with the result of encoding/json.
func TestMetaIsInsertedAsItIs(t *testing.T) {
	for _, meta := range []string{``, `{}`, `{"a":1}`, `{"meta":{}}`, "{\"a\":\"<&\u2028\u202e\"}"} {
		h := NewHold(`"meta":{}`, &fsm.Reply{Result: fsm.Result{
			Hold: &fsm.Hold{Holder: `{"meta":{}}`, Meta: meta, Token: 7}, Revision: 9,
		}}, "session")
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(h); err != nil {
			t.Fatal(err)
		}
		if got := Marshal(h); !bytes.Equal(got, escapeHidden(b.Bytes())) {
			t.Errorf("%s", got)
		}
	}
}
