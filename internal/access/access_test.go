package access

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseRule(t *testing.T) {
	for text, want := range map[string]string{
		"read:*": "", "acquire:billing.": "", "operate:nightly-report": "", "admin": "", "metrics": "", "acquire:a/b": "",
		"": "unknown", "write:*": "unknown", "acquire": "has no scope", "acquire:": "has no scope", "admin:*": "has a scope",
		"admin:": "has a scope", "read:app*": "stands alone", "any:*": "unknown", "none": "unknown", "read:" + strings.Repeat("a", 513): "longer",
	} {
		r, err := ParseRule(text)
		switch {
		case want == "" && (err != nil || r.String() != text):
			t.Errorf("%q: %v, %v", text, r, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: %v, want an error with %q", text, err, want)
		}
	}
}

func TestRulesAllowTheirScopeOnly(t *testing.T) {
	rules, err := ParseRules([]string{"acquire:billing.", "read:app", "operate:x/", "metrics"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		right Right
		name  string
		want  bool
	}{
		{Acquire, "billing.nightly", true}, {Read, "billing.nightly", true}, {Operate, "billing.nightly", false},
		{Acquire, "billing", false}, {Acquire, "billing.", true}, {Acquire, "billingx", false}, {Acquire, "Billing.x", false},
		{Read, "app", true}, {Read, "apple", false}, {Read, "app.x", false}, {Operate, "x/y", true}, {Acquire, "x/y", true},
		{Admin, "", false}, {Metrics, "", true}, {Any, "", true}, {None, "", true}, {Read, "", false},
	} {
		if got := rules.Allow(tt.right, tt.name); got != tt.want {
			t.Errorf("%v on %q: %t", tt.right, tt.name, got)
		}
	}
	if (Rules{{Admin, ""}}).Allow(Metrics, "") != true || (Rules{{Metrics, ""}}).Allow(Read, "a") {
		t.Error("admin includes everything, and metrics nothing else")
	}
}

// What a rule may give away allows nothing that it does not allow itself.
func TestIncludedRulesAllowNoMore(t *testing.T) {
	rights := rapid.SampledFrom([]Right{Read, Acquire, Operate, Admin, Metrics})
	scope := rapid.SampledFrom([]string{"*", "a", "a.", "a.b", "a.b.", "ab", "b/", "b/c"})
	rule := rapid.Custom(func(t *rapid.T) Rule {
		r := Rule{Right: rights.Draw(t, "right")}
		if r.Right.scoped() {
			r.Scope = scope.Draw(t, "scope")
		}
		return r
	})
	names := []string{"a", "a.", "a.b", "a.b.c", "ab", "abc", "b/", "b/c", "b/c/d", "z"}
	rapid.Check(t, func(t *rapid.T) {
		own, others := Rules(rapid.SliceOfN(rule, 0, 4).Draw(t, "own")), Rules(rapid.SliceOfN(rule, 1, 3).Draw(t, "others"))
		if !own.Include(others) {
			return
		}
		for _, right := range []Right{Read, Acquire, Operate, Admin, Metrics} {
			for _, name := range names {
				if others.Allow(right, name) && !own.Allow(right, name) {
					t.Fatalf("%v include %v, but allow no %v on %q", own, others, right, name)
				}
			}
		}
	})
}

func TestToken(t *testing.T) {
	token, err := NewToken(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text := token.Secret()
	again, err := ParseToken(text)
	if err != nil || again != token || !again.Is(token.Hash()) {
		t.Fatalf("%v, %v", again, err)
	}
	other, _ := NewToken(rand.Reader)
	if other.Is(token.Hash()) {
		t.Error("another token has the same hash")
	}
	for i := range text {
		wrong := []byte(text)
		wrong[i] ^= 1
		if _, err := ParseToken(string(wrong)); err == nil {
			t.Errorf("%s is accepted with another character at %d", token, i)
		}
	}
	for _, shown := range []string{fmt.Sprint(token), fmt.Sprintf("%v %+v %#v %s", token, token, token, token)} {
		if strings.Contains(shown, token.secret) {
			t.Errorf("%s shows the secret", shown)
		}
	}
	if _, err := NewToken(bytes.NewReader(nil)); err == nil {
		t.Error("a token of no random bytes")
	}
}

func FuzzParseToken(f *testing.F) {
	token, _ := NewToken(bytes.NewReader(make([]byte, 64)))
	f.Add(token.Secret())
	f.Add("lockd_aaaaaaaaaa__")
	f.Fuzz(func(t *testing.T, text string) {
		if token, err := ParseToken(text); err == nil && token.Secret() != text {
			t.Errorf("%q is read as %q", text, token.Secret())
		}
	})
}

func FuzzParseRule(f *testing.F) {
	f.Add("acquire:billing.")
	f.Add("admin:")
	f.Fuzz(func(t *testing.T, text string) {
		if r, err := ParseRule(text); err == nil && r.String() != text {
			t.Errorf("%q is read as %q", text, r)
		}
	})
}
