package api_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode"
)

// hiddenText has characters of each kind that a terminal interprets or does not display, and some that it displays.
const hiddenText = "a\u0085b\u009bc\u007fd\u061ce\u200ef\u202eg\u2066h\u2028i\u2029j\ufeffk\u00adl\U000e0041m ä 日本 🎉 <&>"

// checkEscaped fails the test if an answer has such a character unescaped.
func checkEscaped(t *testing.T, what string, b []byte) {
	t.Helper()
	for _, r := range string(b) {
		if r != '\n' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)) {
			t.Errorf("%s has %U unescaped: %q", what, r, b)
			return
		}
	}
	for _, plain := range []string{"ä", "日本", "🎉", "<&>"} {
		if !bytes.Contains(b, []byte(plain)) {
			t.Errorf("%s does not have %s unescaped: %q", what, plain, b)
		}
	}
}

// TestHiddenCharactersAreEscaped: all JSON of the server escapes characters that a terminal interprets or that end a
// line of a stream, and its meaning is unchanged.
func TestHiddenCharactersAreEscaped(t *testing.T) {
	w := newWorld(t)
	meta, err := json.Marshal(map[string]any{"text": hiddenText})
	if err != nil {
		t.Fatal(err)
	}
	raw := strings.NewReplacer(`\u2028`, "\u2028", `\u2029`, "\u2029", `\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(meta))
	for i, m := range []string{raw, strings.ReplaceAll(raw, "\u202e", `\u202e`)} {
		name := string(rune('a' + i))
		answers := map[string]*answer{
			"an acquire":  w.post("/v1/leases/"+name+"/acquire", `{"holder":"w1","session":"`+sessionA+`","meta":`+m+`}`).want(201),
			"a refusal":   w.post("/v1/leases/"+name+"/acquire", `{"holder":"w2","session":"`+sessionB+`"}`).want(409),
			"a read":      w.get("/v1/leases/" + name).want(200),
			"a list":      w.get("/v1/leases").want(200),
			"a history":   w.get("/v1/leases/" + name + "/history").want(200),
			"a long-poll": w.get("/v1/watch?name=" + name).want(200),
		}
		for what, a := range answers {
			checkEscaped(t, what, a.body)
		}
		var hold struct{ Meta struct{ Text string } }
		if err := json.Unmarshal(answers["an acquire"].body, &hold); err != nil || hold.Meta.Text != hiddenText {
			t.Errorf("the meta became %q, %v", hold.Meta.Text, err)
		}
	}
	for _, query := range []string{"after=0", "name=a"} {
		conn := dial(t, w)
		if _, err := io.WriteString(conn, "GET /v1/watch?"+query+" HTTP/1.0\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		var seen []byte
		for buf := make([]byte, 4096); !bytes.Contains(seen, []byte("<&>")) || !bytes.HasSuffix(seen, []byte("\n\n")); {
			n, err := conn.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			seen = append(seen, buf[:n]...)
		}
		_, events, _ := bytes.Cut(seen, []byte("\r\n\r\n"))
		checkEscaped(t, "a stream", events)
	}
	for _, bad := range []string{"x\u009b", "x\u202e"} { // names that the problem includes
		a := w.post("/v1/leases/job/acquire", `{"holder":"w","`+bad+`":1,"ä日本🎉<&>":1}`).want(http.StatusBadRequest)
		checkEscaped(t, "a problem", a.body)
	}
}
