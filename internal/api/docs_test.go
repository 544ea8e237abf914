package api_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDocsLoadOnlyFromThisNode: this node serves all resources of the API reference. test/product/docs tests the reference in a
// browser.
func TestDocsLoadOnlyFromThisNode(t *testing.T) {
	w := newWorld(t)
	a := w.get("/docs").want(200)
	if got := a.header.Get("Content-Type"); got != "text/html; charset=utf-8" {
		t.Errorf("Content-Type is %s", got)
	}
	links := regexp.MustCompile(`(?:src|href|spec-url)="([^"]*)"`).FindAllSubmatch(a.body, -1)
	for _, m := range links {
		w.get(string(m[1])).want(200) // a link to another host is not a path
	}
	if len(links) < 3 || !bytes.Contains(a.body, []byte(`spec-url="/openapi.yaml"`)) {
		t.Errorf("the page has the links %q", links)
	}
	if regexp.MustCompile(`<script[^>]*>[^<]`).Match(a.body) || regexp.MustCompile(`\son[a-z]+=`).Match(a.body) {
		t.Error("the page has an inline script, which its policy forbids")
	}
	policy := a.header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self';", "connect-src 'self';", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy lacks %s: %s", want, policy)
		}
	}
	tag := a.header.Get("ETag")
	w.get("/docs", "If-None-Match", tag).want(304)
	if b := w.send("HEAD", "/docs", "").want(200); len(b.body) != 0 || b.header.Get("ETag") != tag {
		t.Errorf("HEAD: %v", b.header)
	}
}

// TestDocsScriptMatchesFetchScript compares the served script with the checksum in pages/docs/fetch.sh.
func TestDocsScriptMatchesFetchScript(t *testing.T) {
	w := newWorld(t)
	zipped := w.get("/docs/rapidoc.js", "Accept-Encoding", "br, gzip").want(200)
	if zipped.header.Get("Content-Encoding") != "gzip" || zipped.header.Get("Vary") != "Accept-Encoding" {
		t.Errorf("with gzip: %v", zipped.header)
	}
	r, err := gzip.NewReader(bytes.NewReader(zipped.body))
	if err != nil {
		t.Fatal(err)
	}
	script, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, accept := range []string{"identity", "gzip;q=0", "br"} {
		a := w.get("/docs/rapidoc.js", "Accept-Encoding", accept).want(200)
		if a.header.Get("Content-Encoding") != "" || !bytes.Equal(a.body, script) || a.header.Get("ETag") == zipped.header.Get("ETag") {
			t.Errorf("for %s: %d bytes, %v", accept, len(a.body), a.header)
		}
		w.get("/docs/rapidoc.js", "Accept-Encoding", accept, "If-None-Match", a.header.Get("ETag")).want(304)
	}
	w.get("/docs/rapidoc.js", "Accept-Encoding", "gzip", "If-None-Match", zipped.header.Get("ETag")).want(304)

	record, err := os.ReadFile("pages/docs/fetch.sh")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(script)
	if !bytes.Contains(record, []byte("\nsha256="+hex.EncodeToString(sum[:]))) {
		t.Errorf("pages/docs/fetch.sh does not have the checksum %x", sum)
	}
	version := regexp.MustCompile(`(?m)^version=(.*)$`).FindSubmatch(record)[1]
	if !bytes.HasPrefix(script, append([]byte("/*! RapiDoc "), version...)) {
		t.Errorf("the script is not version %s: %.60s", version, script)
	}
}
