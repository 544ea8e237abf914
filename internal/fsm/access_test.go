package fsm

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/lockd/lockd/internal/access"
)

// do applies one command and returns its code.
func do(m *Machine, c Command) Code {
	return m.Apply(1, &Entry{Version: EntryVersion, Term: 1, Wall: 1_700_000_000_000, Commands: []Command{c}}).Results[0].Code
}

func tokenOf(principal string, n int, rules ...access.Rule) *SetToken {
	id := fmt.Sprintf("tttttt%04d", n)
	id = id[:6] + string([]byte{'a' + id[6] - '0', 'a' + id[7] - '0', 'a' + id[8] - '0', 'a' + id[9] - '0'})
	return &SetToken{Token: Token{ID: id, Hash: sha256.Sum256([]byte(id)), Principal: principal, Rules: rules}}
}

func TestAccessCommands(t *testing.T) {
	all, own := access.Rules{{Right: access.Admin}}, access.Rules{{Right: access.Acquire, Scope: "billing."}}
	first := tokenOf("ops", 1)
	first.First = true
	again := tokenOf("late", 2)
	again.First = true
	m := New()
	for i, tt := range []struct {
		c    Command
		want Code
	}{
		{&SetAuth{Mode: AuthOn}, CodeNoAdmin},
		{tokenOf("ops", 1), CodeUnknownPrincipal},
		{first, CodeOK},
		{again, CodeNotFirst},
		{&SetPrincipal{Name: "billing", Rules: own}, CodeOK},
		{tokenOf("billing", 3, all...), CodeTooManyRights},
		{tokenOf("billing", 3, access.Rule{Right: access.Read, Scope: "billing.x"}), CodeOK},
		{tokenOf("billing", 3, access.Rule{Right: access.Read, Scope: "billing.x"}), CodeOK},
		{tokenOf("ops", 3), CodeTokenExists},
		{&SetAuth{Mode: AuthOn}, CodeOK},
		{&DeleteToken{ID: "zzzzzzzzzz"}, CodeUnknownToken},
		{&DeletePrincipal{Name: "nobody"}, CodeUnknownPrincipal},
	} {
		if got := do(m, tt.c); got != tt.want {
			t.Errorf("%d: %T came to %v, want %v", i, tt.c, got, tt.want)
		}
	}
	if m.Auth() != AuthOn || len(m.Principals()) != 2 || len(m.Tokens()) != 2 {
		t.Errorf("auth %v, principals %v, tokens %v", m.Auth(), m.Principals(), m.Tokens())
	}
}

// A token never allows more than its principal does now.
func TestATokenLosesWhatItsPrincipalLoses(t *testing.T) {
	m := New()
	do(m, &SetPrincipal{Name: "app", Rules: access.Rules{{Right: access.Acquire, Scope: "app."}, {Right: access.Read, Scope: "*"}}})
	narrow := tokenOf("app", 1, access.Rule{Right: access.Acquire, Scope: "app.x"})
	do(m, narrow)
	do(m, tokenOf("app", 2))
	wide := tokenOf("app", 2).Token.ID
	if !m.Rules(m.Token(narrow.Token.ID)).Allow(access.Acquire, "app.x") || !m.Rules(m.Token(wide)).Allow(access.Read, "z") {
		t.Fatal("a token lacks rights that it has")
	}
	do(m, &SetPrincipal{Name: "app", Rules: access.Rules{{Right: access.Read, Scope: "app."}}})
	if rules := m.Rules(m.Token(narrow.Token.ID)); rules.AllowSome(access.Read) {
		t.Errorf("the narrow token still has %v", rules)
	}
	if rules := m.Rules(m.Token(wide)); rules.Allow(access.Acquire, "app.x") || rules.Allow(access.Read, "z") || !rules.Allow(access.Read, "app.x") {
		t.Errorf("the wide token has %v", rules)
	}
	do(m, &DeletePrincipal{Name: "app"})
	if len(m.Tokens()) != 0 || m.Token(wide) != nil {
		t.Error("the tokens outlive their principal")
	}
}

func TestTokensOfAPrincipalAreBounded(t *testing.T) {
	m := New()
	do(m, &SetPrincipal{Name: "app", Rules: access.Rules{{Right: access.Read, Scope: "*"}}})
	for i := range MaxTokens {
		c := tokenOf("app", i)
		if i == 0 {
			c.Token.Expires = 1 // long ago
		}
		if code := do(m, c); code != CodeOK {
			t.Fatalf("token %d: %v", i, code)
		}
	}
	if code := do(m, tokenOf("app", MaxTokens)); code != CodeOK || m.Token(tokenOf("app", 0).Token.ID) != nil {
		t.Errorf("an expired token makes no room: %v", code)
	}
	if code := do(m, tokenOf("app", MaxTokens+1)); code != CodeTooManyPrincipals {
		t.Errorf("one token too many: %v", code)
	}
}

func TestAccessSurvivesASnapshot(t *testing.T) {
	m := New()
	for _, c := range accessSamples() {
		if code := do(m, c); code != CodeOK {
			t.Fatalf("%T: %v", c, code)
		}
	}
	var b bytes.Buffer
	if err := m.Snapshot().Write(&b); err != nil {
		t.Fatal(err)
	}
	again, err := Restore(&b)
	if err != nil {
		t.Fatal(err)
	}
	if again.Hash() != m.Hash() || again.Auth() != AuthPermissive || again.Token("bbbbbbbbbb").CreatedBy != "ops" ||
		again.Principal("billing").Changed != m.Principal("billing").Changed || again.access.perName["billing"] != 1 {
		t.Errorf("%+v is restored as %+v", m.access, again.access)
	}
}
