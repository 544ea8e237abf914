package fsm

import (
	"errors"
	"fmt"
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
	all := func(change func(*AcquireAll)) Command {
		c := &AcquireAll{Names: []string{"a", "b"}, Holder: "x", Session: session, TTL: DefaultTTL}
		change(c)
		return c
	}
	meta, tooLong := "{}", long(MaxMetaBytes+1)
	for _, test := range []struct {
		field string // "" if the command is valid
		c     Command
	}{
		{"", acquire(func(*Acquire) {})},
		{"", acquire(func(c *Acquire) { c.Name = "A" + long(MaxNameBytes-1) })},
		{"", acquire(func(c *Acquire) { c.Name = "billing.eu:worker_1-2" })},
		{"name", acquire(func(c *Acquire) { c.Name = "" })},
		{"name", acquire(func(c *Acquire) { c.Name = long(MaxNameBytes + 1) })},
		{"name", acquire(func(c *Acquire) { c.Name = ".hidden" })},
		{"", acquire(func(c *Acquire) { c.Name = "a/b.c/d" })},
		{"name", acquire(func(c *Acquire) { c.Name = "/a" })},
		{"name", acquire(func(c *Acquire) { c.Name = "a/" })},
		{"name", acquire(func(c *Acquire) { c.Name = "a//b" })},
		{"name", acquire(func(c *Acquire) { c.Name = "a/../b" })},
		{"name", acquire(func(c *Acquire) { c.Name = "a/./b" })},
		{"name", acquire(func(c *Acquire) { c.Name = "a%2Fb" })},
		{"name", acquire(func(c *Acquire) { c.Name = "a\n" })},
		{"name", acquire(func(c *Acquire) { c.Name = "ä" })},
		{"", acquire(func(c *Acquire) { c.Holder = "Jürgen 3" })},
		{"holder", acquire(func(c *Acquire) { c.Holder = "" })},
		{"holder", acquire(func(c *Acquire) { c.Holder = long(MaxHolderChars + 1) })},
		{"", acquire(func(c *Acquire) { c.Holder = strings.Repeat("𝄞", MaxHolderChars) })},
		{"reason", &Break{Name: "a", Token: 1, Reason: long(MaxReasonChars + 1)}},
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
		{"", &CancelAcquire{Name: "a", Session: session, AttemptID: AttemptID{Boot: 1, N: 1}}},
		{"attach", &CancelAcquire{Name: "a", Session: session}},
		{"session", &EndWait{Name: "a", AttemptID: AttemptID{Boot: 1, N: 1}}},
		{"", &RenewSession{Session: session, Only: []Ref{{"a", 1}}}},
		{"leases[1].name", &RenewSession{Session: session, Only: []Ref{{"a", 1}, {"", 1}}}},
		{"leases[0].token", &ReleaseSession{Session: session, Only: []Ref{{"a", 0}}}},
		{"leases", &ReleaseSession{Session: session, Only: make([]Ref, MaxSessionLeases+1)}},
		{"", acquire(func(c *Acquire) { c.Priority, c.Reclaim = MinPriority, true })},
		{"priority", acquire(func(c *Acquire) { c.Priority = MaxPriority + 1 })},
		{"priority", acquire(func(c *Acquire) { c.Priority = MinPriority - 1 })},
		{"reclaim", acquire(func(c *Acquire) { c.Reclaim, c.Anonymous = true, true })},
		{"", all(func(*AcquireAll) {})},
		{"names", all(func(c *AcquireAll) { c.Names = nil })},
		{"names", all(func(c *AcquireAll) { c.Names = make([]string, MaxNames+1) })},
		{"names[1]", all(func(c *AcquireAll) { c.Names[1] = "" })},
		{"names[1]", all(func(c *AcquireAll) { c.Names[1] = c.Names[0] })},
		{"holder", all(func(c *AcquireAll) { c.Holder = "" })},
		{"session", all(func(c *AcquireAll) { c.Session = "short" })},
		{"ttl_ms", all(func(c *AcquireAll) { c.TTL = MaxTTL + 1 })},
		{"meta", all(func(c *AcquireAll) { c.Meta = tooLong })},
		{"", &StepDown{Name: "a", Token: 1, To: "y", Within: MaxWithin, By: "ops"}},
		{"token", &StepDown{Name: "a"}},
		{"to", &StepDown{Name: "a", Token: 1, To: "y\n"}},
		{"within_ms", &StepDown{Name: "a", Token: 1, Within: MaxWithin + 1}},
		{"by", &StepDown{Name: "a", Token: 1, By: "\x00"}},
		{"", &InitCluster{ClusterID: "c1"}},
		{"cluster_id", &InitCluster{}},
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
			t.Errorf("%+v: %v, want an error for %s alone", test.c, err, test.field)
		case test.field != "" && !strings.HasPrefix(err.Error(), test.field+" must ") && err.Error() != test.field+" is required":
			t.Errorf("%v does not begin with the field", err)
		}
	}
}

// A command that was found valid can be read back: nothing that a client may
// send is refused once it is packed.
func TestValidCommandsCanBeDecoded(t *testing.T) {
	for _, c := range []Command{
		&Acquire{
			Name: "A" + strings.Repeat("x", MaxNameBytes-1), Holder: strings.Repeat("𝄞", MaxHolderChars),
			Session: strings.Repeat("s", MaxSessionBytes), TTL: MaxTTL, Wait: MaxWait, Delay: MaxDelay, Limit: MaxLimit,
			Meta: strings.Repeat("m", MaxMetaBytes), Priority: MaxPriority, Reclaim: true,
		},
		longestAcquireAll(),
		&StepDown{
			Name: "a", Token: MaxSafeInteger, To: strings.Repeat("𝄞", MaxHolderChars), Within: MaxWithin,
			By: strings.Repeat("b", MaxAddressBytes),
		},
		&Break{
			Name: "a", Token: MaxSafeInteger, Reason: strings.Repeat("𝄞", MaxReasonChars),
			By: strings.Repeat("b", MaxAddressBytes), Grace: MaxGrace,
		},
		&SetNode{Node{
			ID: strings.Repeat("i", 2*MaxNodeBytes), Name: strings.Repeat("n", MaxNodeBytes),
			Peer: strings.Repeat("p", MaxAddressBytes), HTTP: strings.Repeat("h", MaxAddressBytes),
		}},
		&InitCluster{ClusterID: strings.Repeat("c", MaxNodeBytes)},
		&Recover{Floor: MaxFloor, Quarantine: MaxTTL},
	} {
		if err := c.Validate(); err != nil {
			t.Errorf("%T: %v", c, err)
		}
		if _, err := decodeCommand(encodeCommand(c)); err != nil {
			t.Errorf("%T: %v", c, err)
		}
	}
}

func TestLimitsAreConsistent(t *testing.T) {
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

func TestEveryCodeEventAndStateHasAString(t *testing.T) {
	var lines []string
	for _, c := range Codes() {
		lines = append(lines, c.String())
	}
	for _, e := range EventTypes() {
		lines = append(lines, e.String())
	}
	for _, s := range []State{StateFree, StateHeld, StateDelayed, StateBreaking} {
		lines = append(lines, s.String())
	}
	if slices.Contains(lines, "") {
		t.Errorf("a name is empty: %q", lines)
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
		t.Errorf("the messages are %q", got)
	}
}

func longestAcquireAll() *AcquireAll {
	c := &AcquireAll{
		Holder: strings.Repeat("𝄞", MaxHolderChars), Session: strings.Repeat("s", MaxSessionBytes), TTL: MaxTTL,
		Meta: strings.Repeat("m", MaxMetaBytes), AttemptID: AttemptID{Boot: 1<<64 - 1, N: 7},
	}
	for i := range MaxNames {
		c.Names = append(c.Names, fmt.Sprintf("%03d", i)+strings.Repeat("n", MaxNameBytes-3))
	}
	return c
}

// Each of several names has its own attempt, so that a clean-up of one does not change the
// others.
func TestEveryNameHasItsOwnAttempt(t *testing.T) {
	c := longestAcquireAll()
	seen := make(map[AttemptID]bool)
	for i, l := range c.Cancels() {
		if l.Name != c.Names[i] || l.Session != c.Session || l.AttemptID == (AttemptID{}) || l.AttemptID != c.each(i).AttemptID {
			t.Errorf("name %d is cleaned up by %+v", i, l)
		}
		seen[l.AttemptID] = true
	}
	if len(seen) != MaxNames {
		t.Errorf("%d attempts for %d names", len(seen), MaxNames)
	}
	c.AttemptID = AttemptID{}
	if l := c.Cancels()[1]; l.AttemptID != (AttemptID{}) {
		t.Errorf("no attempt became %v", l.AttemptID)
	}
}

func TestStepDownRequestRemaining(t *testing.T) {
	for _, test := range []struct{ within, at, now, left Millis }{
		{5_000, 100, 100, 5_000},
		{5_000, 100, 1_100, 4_000},
		{5_000, 100, 9_000, 0},
		{5_000, 100, 50, 5_000}, // a clock behind the stamp
		{0, 100, 200, 0},
	} {
		if left := (&StepDownRequest{Within: test.within, At: test.at}).Remaining(test.now); left != test.left {
			t.Errorf("%+v: %d are left", test, left)
		}
	}
}
