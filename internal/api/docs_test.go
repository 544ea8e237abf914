package api_test

import (
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// TestPagesLoadOnlyFromThisNode: this node serves all that its pages load or link to, and no page has a script or a style
// in it, which its policy forbids.
func TestPagesLoadOnlyFromThisNode(t *testing.T) {
	w := newWorld(t)
	seen := map[string]bool{}
	for _, path := range []string{"/ui", "/docs", "/problems", "/problems/held"} {
		a := w.get(path, "Accept", "text/html").want(200)
		if got := a.header.Get("Content-Type"); got != "text/html; charset=utf-8" {
			t.Errorf("%s: Content-Type is %s", path, got)
		}
		page := string(a.body)
		base, _ := url.Parse(path)
		for _, m := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(page, -1) {
			link, err := base.Parse(html.UnescapeString(m[1]))
			if err != nil || link.Host != "" {
				t.Errorf("%s links to %s", path, m[1])
			}
			if link.Fragment != "" && link.Path == path && path != "/ui" && !strings.Contains(page, `id="`+link.Fragment+`"`) {
				t.Errorf("%s has no %s", path, link.Fragment)
			}
			if !seen[link.Path] {
				seen[link.Path] = true
				w.get(link.Path, "Accept", "text/html").want(200)
			}
		}
		if regexp.MustCompile(`<script[^>]*>[^<]`).MatchString(page) || regexp.MustCompile(`<[^>]*\s(on[a-z]+|style)=`).MatchString(page) {
			t.Errorf("%s has a script or a style in it", path)
		}
		policy := a.header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self';", "frame-ancestors 'none'", "require-trusted-types-for 'script'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: the policy lacks %s: %s", path, want, policy)
			}
		}
		tag := a.header.Get("ETag")
		w.get(path, "Accept", "text/html", "If-None-Match", tag).want(304)
	}
	if len(seen) < 20 {
		t.Errorf("only %d links", len(seen))
	}
	plain := w.get("/ui/app.js", "Accept-Encoding", "identity").want(200)
	if plain.header.Get("Content-Encoding") != "" || plain.header.Get("Vary") != "Accept-Encoding" || !strings.Contains(string(plain.body), "function App()") {
		t.Errorf("without gzip: %v", plain.header)
	}
}

// TestReferenceHasACommandForEachRoute sends the curl command of each route: the server must accept its form.
func TestReferenceHasACommandForEachRoute(t *testing.T) {
	w := newWorld(t)
	page := string(w.get("/docs").want(200).body)
	for path, item := range contract(t).doc.Paths.Map() {
		for method, op := range item.Operations() {
			if op.Tags[0] == "pages" {
				continue
			}
			_, section, ok := strings.Cut(page, `<section id="`+op.OperationID+`"`)
			section, _, _ = strings.Cut(section, "</section>")
			if !ok || !strings.Contains(section, html.EscapeString(op.Summary)) {
				t.Errorf("%s %s is missing", method, path)
				continue
			}
			command := html.UnescapeString(regexp.MustCompile(`<pre class="command"[^>]*><code>([^<]*)`).FindStringSubmatch(section)[1])
			sent, target, body := curl(t, command)
			if sent != method {
				t.Errorf("%s %s: %s", method, path, command)
			}
			if a := w.send(sent, strings.Replace(target, "wait_ms=30000", "wait_ms=0", 1), body); a.status == 400 || a.status == 404 || a.status == 405 {
				t.Errorf("%s: %d %s", command, a.status, a.body)
			}
		}
	}
}

// curl returns the request of a command. A stream would not end, so it is requested as a long-poll that does not wait.
func curl(t *testing.T, command string) (method, target, body string) {
	t.Helper()
	const apostrophe = "\x00"
	words := regexp.MustCompile(`'([^']*)'|(\S+)`).FindAllStringSubmatch(strings.ReplaceAll(command, `'\''`, apostrophe), -1)
	method = "GET"
	for i, word := range words {
		switch text := strings.ReplaceAll(word[1]+word[2], apostrophe, "'"); {
		case i > 0 && words[i-1][0] == "-X":
			method = text
		case i > 0 && words[i-1][0] == "-d":
			body = text
			if method == "GET" {
				method = "POST"
			}
		case strings.HasPrefix(text, "http://127.0.0.1:7400"):
			target = strings.TrimPrefix(text, "http://127.0.0.1:7400")
		}
	}
	if strings.HasPrefix(target, "/v1/watch") {
		target += "&wait_ms=0"
	}
	return method, target, body
}
