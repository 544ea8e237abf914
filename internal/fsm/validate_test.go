package fsm

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// TestValidateNamesTheField spoils one field of a good command at a time.
func TestValidateNamesTheField(t *testing.T) {
	const session = "session-00000001"
	long := func(n int) string { return strings.Repeat("x", n) }
	acquire := func(change func(*Acquire)) Command {
		c := &Acquire{Name: "a", Holder: "x", Session: session, TTL: DefaultTTL, Limit: 1}
		change(c)
		return c
	}
	meta, tooLong := "{}", long(MaxMetaBytes+1)
	for _, test := range []struct {
		field string // "" where all is well
		c     Command
	}{
		{"", acquire(func(*Acquire) {})},
		{"", acquire(func(c *Acquire) { c.Name = "A" + long(MaxNameBytes-1) })},
		{"", acquire(func(c *Acquire) { c.Name = "billing.eu:worker_1-2" })},
		{"name", acquire(func(c *Acquire) { c.Name = "" })},
		{"name", acquire(func(c *Acquire) { c.Name = long(MaxNameBytes + 1) })},
		{"name", acquire(func(c *Acquire) { c.Name = ".hidden" })},
		{"name", acquire(func(c *Acquire) { c.Name = "a/b" })},
		{"name", acquire(func(c *Acquire) { c.Name = "a\n" })},
		{"name", acquire(func(c *Acquire) { c.Name = "ä" })},
		{"", acquire(func(c *Acquire) { c.Holder = "Jürgen 3" })},
		{"holder", acquire(func(c *Acquire) { c.Holder = "" })},
		{"holder", acquire(func(c *Acquire) { c.Holder = long(MaxHolderBytes + 1) })},
		{"holder", acquire(func(c *Acquire) { c.Holder = "a\x1bb" })},
		{"holder", acquire(func(c *Acquire) { c.Holder = "a\xff" })},
		{"holder", acquire(func(c *Acquire) { c.Holder = "a\u202eb" })},
		{"", acquire(func(c *Acquire) { c.Session = long(MaxSessionBytes) })},
		{"session", acquire(func(c *Acquire) { c.Session = long(MinSessionBytes - 1) })},
		{"session", acquire(func(c *Acquire) { c.Session = long(MaxSessionBytes + 1) })},
		{"session", acquire(func(c *Acquire) { c.Session = "a:session-of-mine" })},
		{"ttl_ms", acquire(func(c *Acquire) { c.TTL = MinTTL - 1 })},
		{"ttl_ms", acquire(func(c *Acquire) { c.TTL = MaxTTL + 1 })},
		{"wait_ms", acquire(func(c *Acquire) { c.Wait = -1 })},
		{"wait_ms", acquire(func(c *Acquire) { c.Wait = MaxWait + 1 })},
		{"delay_ms", acquire(func(c *Acquire) { c.Delay = MaxDelay + 1 })},
		{"limit", acquire(func(c *Acquire) { c.Limit = 0 })},
		{"limit", acquire(func(c *Acquire) { c.Limit = MaxLimit + 1 })},
		{"meta", acquire(func(c *Acquire) { c.Meta = tooLong })},
		{"", &Renew{Name: "a", Session: session, Meta: &meta}},
		{"token", &Renew{Name: "a", Session: session, Token: MaxSafeInteger + 1}},
		{"ttl_ms", &Renew{Name: "a", Session: session, TTL: 1}},
		{"meta", &Renew{Name: "a", Session: session, Meta: &tooLong}},
		{"", &Release{Name: "a", Session: session}},
		{"delay_ms", &Release{Name: "a", Session: session, Delay: -1}},
		{"to", &Transfer{Name: "a", Session: session}},
		{"", &Break{Name: "a", Token: 1, Reason: "stuck", Grace: InheritGrace}},
		{"token", &Break{Name: "a", Reason: "stuck"}},
		{"reason", &Break{Name: "a", Token: 1}},
		{"by", &Break{Name: "a", Token: 1, Reason: "stuck", By: long(MaxAddressBytes + 1)}},
		{"grace_ms", &Break{Name: "a", Token: 1, Reason: "stuck", Grace: -2}},
		{"grace_ms", &Break{Name: "a", Token: 1, Reason: "stuck", Grace: MaxGrace + 1}},
		{"", &Leave{Name: "a", Session: session}},
		{"session", &Park{Name: "a"}},
		{"", &RenewSession{Session: session, Only: []Ref{{"a", 1}}}},
		{"leases[1].name", &RenewSession{Session: session, Only: []Ref{{"a", 1}, {"", 1}}}},
		{"leases[0].token", &ReleaseSession{Session: session, Only: []Ref{{"a", 0}}}},
		{"leases", &ReleaseSession{Session: session, Only: make([]Ref, MaxSessionLeases+1)}},
		{"", &Found{ClusterID: "c1"}},
		{"cluster_id", &Found{}},
		{"", &Recover{Floor: MaxFloor, Quarantine: MaxTTL}},
		{"floor", &Recover{Floor: MaxFloor + 1}},
		{"quarantine_ms", &Recover{Quarantine: -1}},
		{"", &SetNode{Node{ID: "n1-a", Name: "n1", Peer: "h:1", HTTP: "h:2"}}},
		{"peer", &SetNode{Node{ID: "n1-a", Name: "n1", HTTP: "h:2"}}},
		{"id", &RemoveNode{}},
		{"", &Expire{}},
	} {
		err := test.c.Validate()
		var invalid Invalid
		switch {
		case test.field == "" && err != nil:
			t.Errorf("%+v: %v", test.c, err)
		case test.field != "" && (!errors.As(err, &invalid) || len(invalid) != 1 || invalid[0].Field != test.field):
			t.Errorf("%+v: %v, want a word on %s alone", test.c, err, test.field)
		case test.field != "" && !strings.HasPrefix(err.Error(), test.field+" must "):
			t.Errorf("%v does not begin with the field", err)
		}
	}
}

// A command that was found valid can be read back: nothing that a client may
// send is refused once it is packed.
func TestWhatIsValidCanBeRead(t *testing.T) {
	for _, c := range []Command{
		&Acquire{
			Name: "A" + strings.Repeat("x", MaxNameBytes-1), Holder: strings.Repeat("h", MaxHolderBytes),
			Session: strings.Repeat("s", MaxSessionBytes), TTL: MaxTTL, Wait: MaxWait, Delay: MaxDelay, Limit: MaxLimit,
			Meta: strings.Repeat("m", MaxMetaBytes),
		},
		&Break{
			Name: "a", Token: MaxSafeInteger, Reason: strings.Repeat("r", MaxReasonBytes),
			By: strings.Repeat("b", MaxAddressBytes), Grace: MaxGrace,
		},
		&SetNode{Node{
			ID: strings.Repeat("i", 2*MaxNodeBytes), Name: strings.Repeat("n", MaxNodeBytes),
			Peer: strings.Repeat("p", MaxAddressBytes), HTTP: strings.Repeat("h", MaxAddressBytes),
		}},
		&Found{ClusterID: strings.Repeat("c", MaxNodeBytes)},
		&Recover{Floor: MaxFloor, Quarantine: MaxTTL},
	} {
		if err := c.Validate(); err != nil {
			t.Errorf("%T: %v", c, err)
		}
		if _, err := DecodeCommand(EncodeCommand(c)); err != nil {
			t.Errorf("%T: %v", c, err)
		}
	}
}

func TestBoundsFitEachOther(t *testing.T) {
	for what, ok := range map[string]bool{
		"a wire name fits the machine":       MaxNameBytes <= MaxStoredNameBytes,
		"the default ttl is a ttl":           MinTTL <= DefaultTTL && DefaultTTL <= MaxTTL,
		"a default renewal is not logged":    DefaultTTL <= ShortTTL,
		"a grace may be as long as a ttl":    MaxGrace >= MaxTTL,
		"a wait ends before a node gives up": MaxWait+TicketGrace < MaxTTL,
		"tokens stay below 2^53":             MaxFloor+RecoverJump<<10 < MaxSafeInteger && MaxSafeInteger < 1<<53,
		"an answer shows less than there is": MaxShown <= MaxLimit && MaxShown <= MaxQueue,
		"a command fits an entry":            MaxMetaBytes+MaxStoredNameBytes < MaxEntryBytes,
	} {
		if !ok {
			t.Errorf("not so: %s", what)
		}
	}
}

func TestWordsAreComplete(t *testing.T) {
	var said []string
	for _, c := range Codes() {
		said = append(said, c.String())
	}
	for _, e := range EventTypes() {
		said = append(said, e.String())
	}
	for _, s := range []State{StateFree, StateHeld, StateDelayed, StateBreaking} {
		said = append(said, s.String())
	}
	if slices.Contains(said, "") {
		t.Errorf("something has no word: %q", said)
	}
	if got := Code(200).String(); got != "code(200)" {
		t.Errorf("an unknown code is %q", got)
	}
	if got := EventType(200).String() + EventType(0).String(); got != "" {
		t.Errorf("an unknown event is %q", got)
	}
	for _, c := range Codes() {
		if c.OK() != (c == CodeOK || c == CodeGranted) {
			t.Errorf("%s.OK() = %v", c, c.OK())
		}
	}
	if got := (Invalid{}).Error() + (&Gone{Oldest: 3, Current: 9}).Error(); !strings.Contains(got, "3") || !strings.Contains(got, "9") {
		t.Errorf("errors say %q", got)
	}
}
