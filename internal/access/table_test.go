package access

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"

	"github.com/lockd/lockd/internal/fsm/wire"
)

func record(n int, principal string, rules ...Rule) Record {
	id := []byte("tttttttttt")
	for i, digit := range fmt.Sprintf("%06d", n) {
		id[i] = 'a' + byte(digit-'0')
	}
	return Record{ID: string(id), Hash: sha256.Sum256(id), Principal: principal, Rules: rules}
}

func add(n int, principal string, rules ...Rule) Change {
	return Change{Kind: AddToken, Token: record(n, principal, rules...)}
}

func set(principal string, rules ...Rule) Change {
	return Change{Kind: SetPrincipal, Principal: Principal{Name: principal, Rules: rules}}
}

var (
	admin   = Rule{Right: Admin}
	billing = Rule{Right: Acquire, Scope: "billing."}
)

func TestChanges(t *testing.T) {
	table := NewTable()
	narrow := Rule{Right: Read, Scope: "billing.x"}
	for i, test := range []struct {
		change  Change
		want    Outcome
		changed bool
	}{
		{Change{Kind: SetMode, Mode: On}, NoAdmin, false},
		{Change{Kind: SetMode, Mode: Permissive}, NoAdmin, false},
		{Change{Kind: SetMode, Mode: Off}, Done, false},
		{add(1, "ops"), UnknownPrincipal, false},
		{Change{Kind: FirstToken, Token: record(1, "ops")}, Done, true},
		{Change{Kind: FirstToken, Token: record(1, "ops")}, Done, false},
		{Change{Kind: FirstToken, Token: record(2, "late")}, NotFirst, false},
		{set("billing", billing), Done, true},
		{set("billing", billing), Done, false},
		{add(3, "billing", admin), TooManyRights, false},
		{add(3, "billing", narrow), Done, true},
		{add(3, "billing", narrow), Done, false},
		{add(3, "ops"), TokenExists, false},
		{Change{Kind: SetMode, Mode: On}, Done, true},
		{Change{Kind: DeleteToken, Token: Record{ID: "zzzzzzzzzz"}}, UnknownToken, false},
		{Change{Kind: DeleteToken, Token: Record{ID: record(1, "").ID, Principal: "billing"}}, UnknownToken, false},
		{Change{Kind: DeletePrincipal, Principal: Principal{Name: "nobody"}}, UnknownPrincipal, false},
	} {
		if o, changed := table.Apply(test.change, uint64(i), 0); o != test.want || changed != test.changed {
			t.Errorf("%d: %v, changed %t, want %v, %t", i, o, changed, test.want, test.changed)
		}
	}
	if table.Mode() != On || len(table.Principals()) != 2 || len(table.Tokens()) != 2 {
		t.Errorf("mode %v, principals %v, tokens %v", table.Mode(), table.Principals(), table.Tokens())
	}
	if o, _ := table.Apply(Change{Kind: DeleteToken, Token: Record{ID: record(3, "").ID, Principal: "billing"}}, 99, 0); o != Done || table.Token(record(3, "").ID) != nil {
		t.Errorf("a principal revokes its own token: %v", o)
	}
}

// A token never allows more than its principal does now.
func TestTokenLosesWhatItsPrincipalLoses(t *testing.T) {
	table := NewTable()
	own := Rule{Right: Acquire, Scope: "app."}
	apply := func(c Change) {
		if o, _ := table.Apply(c, 1, 0); o != Done {
			t.Fatalf("%+v: %v", c, o)
		}
	}
	apply(set("app", own, Rule{Right: Read, Scope: "*"}))
	narrow, wide := add(1, "app", Rule{Right: Acquire, Scope: "app.x"}), add(2, "app")
	apply(narrow)
	apply(wide)
	rules := func(c Change) Rules { return table.RulesOf(table.Token(c.Token.ID)) }
	if !rules(narrow).Allow(Acquire, "app.x") || !rules(wide).Allow(Read, "z") {
		t.Fatal("a token lacks rights that it has")
	}
	apply(set("app", Rule{Right: Read, Scope: "app."}))
	if r := rules(narrow); r.AllowSome(Read) {
		t.Errorf("the narrow token still has %v", r)
	}
	if r := rules(wide); r.Allow(Acquire, "app.x") || r.Allow(Read, "z") || !r.Allow(Read, "app.x") {
		t.Errorf("the wide token has %v", r)
	}
	apply(Change{Kind: DeletePrincipal, Principal: Principal{Name: "app"}})
	if len(table.Tokens()) != 0 || table.Token(wide.Token.ID) != nil {
		t.Error("the tokens outlive their principal")
	}
}

func TestTokensOfAPrincipalAreBounded(t *testing.T) {
	table := NewTable()
	table.Apply(set("app", Rule{Right: Read, Scope: "*"}), 1, 0)
	const now = 1_700_000_000_000
	for i := range MaxTokens {
		c := add(i, "app")
		if i == 0 {
			c.Token.Expires = now - 1
		}
		if o, _ := table.Apply(c, 1, now); o != Done {
			t.Fatalf("token %d: %v", i, o)
		}
	}
	if o, _ := table.Apply(add(MaxTokens, "app"), 1, now); o != Done || table.Token(record(0, "").ID) != nil {
		t.Errorf("an expired token makes no room: %v", o)
	}
	if o, _ := table.Apply(add(MaxTokens+1, "app"), 1, now); o != TooManyTokens {
		t.Errorf("one token too many: %v", o)
	}
}

// Nobody creates a token with more than its own rights, and a token not with more than the token itself.
func TestNobodyGivesAwayMoreThanItHas(t *testing.T) {
	table := NewTable()
	narrow := Rule{Right: Read, Scope: "billing.x"}
	short := add(4, "billing")
	short.Token.Expires = 1_000
	for _, c := range []Change{
		{Kind: FirstToken, Token: record(1, "ops")}, set("billing", billing), add(2, "billing"), add(3, "billing", narrow), short, {Kind: SetMode, Mode: On},
	} {
		if o, _ := table.Apply(c, 1, 0); o != Done {
			t.Fatalf("%+v: %v", c, o)
		}
	}
	id := func(n int) string { return record(n, "").ID }
	for _, test := range []struct {
		by   Caller
		give Record
		want Outcome
	}{
		{Caller{Principal: "ops", TokenID: id(1)}, record(9, "billing"), Done},
		{Caller{Principal: "ops", TokenID: id(1)}, record(9, "ops"), Done},
		{Caller{Principal: "billing", TokenID: id(2)}, record(9, "billing"), Done},
		{Caller{Principal: "billing", TokenID: id(3)}, record(9, "billing"), TooManyRights},
		{Caller{Principal: "billing", TokenID: id(3)}, record(9, "billing", narrow), Done},
		{Caller{Principal: "billing", TokenID: id(2)}, record(9, "billing", admin), TooManyRights},
		{Caller{Principal: "billing", TokenID: id(1)}, record(9, "billing"), Unauthenticated},
		{Caller{}, record(9, "billing"), Unauthenticated},
		{Caller{Local: true}, record(9, "ops"), Done},
		{Caller{Principal: "billing", TokenID: id(4)}, record(9, "billing"), TooLong},
	} {
		if got := table.CheckGrant(test.by, &test.give, 0); got != test.want {
			t.Errorf("%+v gives %v of %s: %v, want %v", test.by, test.give.Rules, test.give.Principal, got, test.want)
		}
	}
}

func TestTableIsRestoredFromItsChanges(t *testing.T) {
	table := NewTable()
	for i, c := range []Change{
		{Kind: FirstToken, Token: record(1, "ops")}, set("billing", billing, Rule{Right: Metrics}), add(2, "billing", billing),
		{Kind: SetMode, Mode: Permissive}, set("billing", Rule{Right: Read, Scope: "*"}),
	} {
		if o, _ := table.Apply(c, uint64(i)+1, 0); o != Done {
			t.Fatalf("%+v: %v", c, o)
		}
	}
	again := NewTable()
	for _, c := range table.Copy().Changes() {
		var e wire.Encoder
		c.Encode(&e)
		var read Change
		d := wire.Decoder{Bytes: e.Bytes}
		if read.Decode(&d); d.End("a change") != nil || !again.Restore(read) {
			t.Fatalf("%+v is read as %+v, %v", c, read, d.Err)
		}
	}
	same := func(a, b *Principal) bool {
		return a.Name == b.Name && a.Changed == b.Changed && slices.Equal(a.Rules, b.Rules)
	}
	if again.Mode() != Permissive || !slices.EqualFunc(again.Principals(), table.Principals(), same) || len(again.Tokens()) != 2 ||
		again.Token(record(2, "").ID).Hash != record(2, "").Hash || again.perName["billing"] != 1 {
		t.Errorf("restored as %v %v %v", again.Mode(), again.Principals(), again.Tokens())
	}
	for what, c := range map[string]Change{
		"a principal twice":         set("ops", admin),
		"a token twice":             add(2, "billing"),
		"a token of no principal":   add(3, "nobody"),
		"a change that is no state": {Kind: DeleteToken, Token: record(2, "")},
	} {
		if again.Restore(c) {
			t.Errorf("%s is restored", what)
		}
	}
}

func FuzzDecodeChange(f *testing.F) {
	for _, c := range []Change{set("a", billing), add(1, "a", billing), {Kind: SetMode, Mode: On}, {Kind: DeletePrincipal, Principal: Principal{Name: "a"}}} {
		var e wire.Encoder
		c.Encode(&e)
		f.Add(e.Bytes)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var c Change
		d := wire.Decoder{Bytes: b}
		if c.Decode(&d); d.End("a change") != nil {
			return
		}
		var e wire.Encoder
		c.Encode(&e)
		var again Change
		d = wire.Decoder{Bytes: e.Bytes}
		if again.Decode(&d); d.End("a change") != nil || again.Kind != c.Kind || again.Token.ID != c.Token.ID {
			t.Errorf("%+v is written as %+v, %v", c, again, d.Err)
		}
		c.Invalid(func(string, string) {})
	})
}
