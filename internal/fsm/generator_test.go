package fsm

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"pgregory.net/rapid"
)

// generator draws commands that affect each other: of few names, sessions and holder names,
// and with tokens, attempts and timers that were valid at some time.
type generator struct {
	m        *Machine
	live     map[timerKey]Timer // set and not cleared
	seen     []Timer
	attempts uint64
	sent     []uint64 // revisions of the past
}

type timerKey struct {
	kind TimerKind
	id   uint64
}

func newGenerator(m *Machine) *generator { return &generator{m: m, live: make(map[timerKey]Timer)} }

// recordTimers records the timers that an entry has set and cleared.
func (h *generator) recordTimers(timers []Timer) {
	for _, t := range timers {
		if k := (timerKey{t.Kind, t.ID}); t.Clear {
			delete(h.live, k)
		} else {
			h.live[k] = t
			h.seen = append(h.seen, t)
		}
	}
}

func (h *generator) isLive(c *Expire) bool {
	t, ok := h.live[timerKey{c.Timer, c.ID}]
	return ok && t.Name == c.Name && t.Seq == c.Seq
}

func (h *generator) name(t *rapid.T) string {
	return rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "name")
}

func (h *generator) sessionAndHolder(t *rapid.T) (session, holder string) {
	i := rapid.IntRange(1, 6).Draw(t, "session")
	holder = fmt.Sprintf("h%d", (i+1)/2) // two sessions share a holder name
	if rapid.IntRange(0, 19).Draw(t, "label") == 0 {
		holder = "other"
	}
	return fmt.Sprintf("s%d", i), holder
}

func (h *generator) millis(t *rapid.T, label string, from ...Millis) Millis {
	return rapid.SampledFrom(from).Draw(t, label)
}

func (h *generator) meta(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "", `{"v":1}`, `{"v":2}`}).Draw(t, "meta")
}

// attemptID draws a new attempt, or sometimes an earlier one.
func (h *generator) attemptID(t *rapid.T) AttemptID {
	if h.attempts > 0 && rapid.Bool().Draw(t, "again") {
		return AttemptID{Boot: 1, N: rapid.Uint64Range(h.attempts-min(h.attempts, 3), h.attempts).Draw(t, "attempt")}
	}
	h.attempts++
	return AttemptID{Boot: 1, N: h.attempts}
}

// attempt is none or one of few, so that they meet again.
func (h *generator) attempt(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "", "x", "y", "z"}).Draw(t, "own attempt")
}

// sentAt is mostly unknown or the present, sometimes the past.
func (h *generator) sentAt(t *rapid.T) uint64 {
	choices := []uint64{0, h.m.Revision(), h.m.Revision()}
	if len(h.sent) > 0 {
		choices = append(choices, rapid.SampledFrom(h.sent).Draw(t, "past"))
	}
	return rapid.SampledFrom(choices).Draw(t, "sent")
}

// token draws 0, the token of a hold or of the last one, or one that never existed.
func (h *generator) token(t *rapid.T, name string) uint64 {
	l := h.m.Lease(name)
	tokens := []uint64{0, 0, l.History.Previous().Token, 999_999}
	for _, hold := range l.Holds {
		tokens = append(tokens, hold.Token, hold.Token)
	}
	return rapid.SampledFrom(tokens).Draw(t, "token")
}

func (h *generator) refs(t *rapid.T) (refs []Ref) {
	for range rapid.SampledFrom([]int{0, 0, 1, 3}).Draw(t, "refs") {
		name := h.name(t)
		refs = append(refs, Ref{name, max(1, h.token(t, name))})
	}
	return refs
}

func (h *generator) acquire(t *rapid.T) Command {
	name := h.name(t)
	session, holder := h.sessionAndHolder(t)
	limit := 1
	if name >= "c" {
		limit = 3
	}
	if rapid.IntRange(0, 9).Draw(t, "limit") == 0 {
		limit = 2
	}
	return &Acquire{
		Name: name, Holder: holder, Session: session, Limit: limit, Meta: h.meta(t),
		Anonymous: rapid.IntRange(0, 3).Draw(t, "anonymous") == 0,
		TTL:       h.millis(t, "ttl", 1_000, 15_000, 60_000, 60_001, 100_000),
		Wait:      h.millis(t, "wait", 0, 5_000, 5_000),
		Delay:     h.millis(t, "delay", 0, 0, 2_000),
		Priority:  rapid.SampledFrom([]int{0, 0, 0, 5, -5}).Draw(t, "priority"),
		Reclaim:   rapid.IntRange(0, 5).Draw(t, "reclaim") == 0,
		AttemptID: h.attemptID(t),
		Attempt:   h.attempt(t),
		Sent:      h.sentAt(t),
	}
}

// acquireAll may draw a name twice.
func (h *generator) acquireAll(t *rapid.T) Command {
	session, holder := h.sessionAndHolder(t)
	c := &AcquireAll{
		Holder: holder, Session: session, Meta: h.meta(t),
		TTL: h.millis(t, "ttl", 1_000, 15_000, 60_001),
	}
	for range rapid.IntRange(1, 3).Draw(t, "names") {
		c.Names = append(c.Names, h.name(t))
	}
	c.AttemptID, c.Attempt, c.Sent = h.attemptID(t), h.attempt(t), h.sentAt(t)
	h.attempts += uint64(len(c.Names))
	return c
}

func (h *generator) stepDown(t *rapid.T) Command {
	name := h.name(t)
	_, to := h.sessionAndHolder(t)
	return &StepDown{
		Name: name, Token: h.token(t, name), By: "ops", Within: h.millis(t, "within", 0, 5_000),
		To: rapid.SampledFrom([]string{"", to}).Draw(t, "to"),
	}
}

func (h *generator) renew(t *rapid.T) Command {
	session, _ := h.sessionAndHolder(t)
	if rapid.IntRange(0, 2).Draw(t, "whole") == 0 {
		return &RenewSession{Session: session, Only: h.refs(t)}
	}
	c := &Renew{Name: h.name(t), Session: session, TTL: h.millis(t, "ttl", 0, 0, 2_000, 90_000)}
	c.Token = h.token(t, c.Name)
	if meta := h.meta(t); meta != "" {
		c.Meta = &meta
	}
	return c
}

func (h *generator) releaseOrTransfer(t *rapid.T) Command {
	session, _ := h.sessionAndHolder(t)
	name := h.name(t)
	switch rapid.IntRange(0, 4).Draw(t, "give") {
	case 0:
		return &ReleaseSession{Session: session, Only: h.refs(t)}
	case 1:
		return &CancelAcquire{Name: name, Session: session, AttemptID: h.attemptID(t)}
	case 2:
		_, to := h.sessionAndHolder(t)
		return &Transfer{Name: name, Session: session, Token: h.token(t, name), To: to}
	default:
		c := &Release{Name: name, Session: session, Delay: h.millis(t, "delay", 0, 0, 3_000)}
		if c.Attempt = h.attempt(t); c.Attempt == "" {
			c.Token = h.token(t, name)
		}
		return c
	}
}

func (h *generator) endWait(t *rapid.T) Command {
	session, _ := h.sessionAndHolder(t)
	return &EndWait{Name: h.name(t), Session: session, AttemptID: h.attemptID(t)}
}

func (h *generator) breaks(t *rapid.T) Command {
	name := h.name(t)
	return &Break{
		Name: name, Token: h.token(t, name), Reason: "stuck", By: "ops",
		Grace: h.millis(t, "grace", InheritGrace, 0, 5_000),
	}
}

func (h *generator) recover(t *rapid.T) Command {
	return &Recover{Quarantine: h.millis(t, "quarantine", 0, 30_000), Floor: rapid.Uint64Range(0, 1<<33).Draw(t, "floor")}
}

// expire is a leader's decision on a timer that runs, or on one that ran once.
func (h *generator) expire(t *rapid.T) Command {
	if len(h.live) > 0 && rapid.IntRange(0, 3).Draw(t, "stale") > 0 {
		keys := slices.SortedFunc(maps.Keys(h.live), func(a, b timerKey) int {
			return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.id, b.id))
		})
		return h.live[rapid.SampledFrom(keys).Draw(t, "timer")].Expire()
	}
	return rapid.SampledFrom(h.seen).Draw(t, "old timer").Expire()
}

// any draws a command. Acquires and ends are more frequent than the others.
func (h *generator) any(t *rapid.T) Command {
	switch {
	case len(h.seen) == 0:
		return h.acquire(t)
	case rapid.IntRange(0, 59).Draw(t, "disaster") == 0:
		return h.recover(t)
	}
	return rapid.SampledFrom([]func(*rapid.T) Command{
		h.acquire, h.acquire, h.acquire, h.acquire, h.acquireAll, h.renew, h.releaseOrTransfer, h.releaseOrTransfer, h.endWait, h.breaks,
		h.stepDown, h.expire, h.expire,
	}).Draw(t, "command")(t)
}
