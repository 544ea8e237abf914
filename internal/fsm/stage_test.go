package fsm

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// A stage applies the lines of a story to a machine.
type stage struct {
	t *testing.T
	m *Machine
}

// run runs one line: "at TIME COMMAND", or one that applies no entry.
func (s *stage) run(line string) []string {
	w := &words{t: s.t, line: line, rest: strings.Fields(line), named: make(map[string]string)}
	defer w.done()
	switch verb := w.next(); verb {
	case "at":
		return s.at(w)
	case "show":
		return leaseLines(s.m.Lease(w.next()))
	case "list":
		page, next := s.m.Page(Selection{Prefix: w.text("prefix"), Holder: w.text("holder")}, w.text("after"), int(w.number("limit", 100)))
		var lines []string
		for _, l := range page {
			lines = append(lines, l.Name+" "+l.State().String())
		}
		return append(lines, "next "+strconv.Quote(next))
	case "timers":
		var lines []string
		s.m.Timers(func(t Timer) { lines = append(lines, timerLine(t)) })
		return lines
	case "nodes":
		var lines []string
		for _, n := range s.m.Nodes() {
			lines = append(lines, fmt.Sprintf("%s name=%s peer=%s http=%s version=%d", n.ID, n.Name, n.Peer, n.HTTP, n.Version))
		}
		return lines
	case "restore":
		return s.restore()
	case "bound": // limits the number of leases, so that a story can reach it
		s.m.maxLeases = int(w.number("leases", 0))
		return nil
	default:
		s.t.Fatalf("%s: unknown verb %q", line, verb)
		return nil
	}
}

// restore replaces the machine by one from its snapshot, as a restarted node does.
func (s *stage) restore() []string {
	var b bytes.Buffer
	if err := s.m.Snapshot().Write(&b); err != nil {
		s.t.Fatal(err)
	}
	m, err := Restore(&b)
	if err != nil {
		s.t.Fatal(err)
	}
	m.maxLeases = s.m.maxLeases
	s.m = m
	return []string{fmt.Sprintf("restored revision=%d leases=%d waiting=%d", m.Revision(), m.Len(), m.Waiting())}
}

// at applies an entry. "times=N" repeats its command, replaces every "%" by the number of
// the repeat, and returns the last result.
func (s *stage) at(w *words) []string {
	stamp, err := strconv.Atoi(w.next())
	if err != nil {
		s.t.Fatalf("%s: %v", w.line, err)
	}
	verb := w.next()
	w.parse()
	times := int(w.number("times", 1))
	entry := Entry{Version: w.number("version", EntryVersion), Term: w.number("decided", 1), Stamp: Millis(stamp), Wall: int64(stamp) + 1_000_000}
	term := w.number("term", 1)
	c := w.command(verb)
	if times > 1 {
		for i := range times {
			each := &words{t: w.t, line: w.line, name: w.name, named: make(map[string]string)}
			for k, v := range w.all {
				each.named[k] = strings.ReplaceAll(v, "%", strconv.Itoa(i+1))
			}
			each.name = strings.ReplaceAll(w.name, "%", strconv.Itoa(i+1))
			entry.Commands = append(entry.Commands, each.command(verb))
		}
		out := s.m.Apply(term, &entry)
		return []string{resultLine(out.Results[times-1])}
	}
	entry.Commands = []Command{c}
	out := s.m.Apply(term, &entry)
	lines := []string{resultLine(out.Results[0])}
	for _, e := range out.Events {
		lines = append(lines, eventLine(e))
	}
	for _, t := range out.Timers {
		lines = append(lines, timerLine(t))
	}
	for _, g := range out.Grants {
		lines = append(lines, fmt.Sprintf("grant %s to %s token=%d revision=%d", g.Name, g.Hold.Session, g.Hold.Token, g.Revision))
	}
	if out.Nodes {
		lines = append(lines, "nodes changed")
	}
	return lines
}

// words are the fields of a line: by position, or as name=value.
type words struct {
	t     *testing.T
	line  string
	rest  []string
	name  string
	named map[string]string
	all   map[string]string
}

func (w *words) next() string {
	if len(w.rest) == 0 {
		w.t.Fatalf("%s: a field is missing", w.line)
	}
	word := w.rest[0]
	w.rest = w.rest[1:]
	return word
}

// parse reads the remaining fields: the name of a lease, if any, and the values.
func (w *words) parse() {
	w.all = make(map[string]string)
	for _, word := range w.rest {
		if k, v, ok := strings.Cut(word, "="); ok {
			w.named[k], w.all[k] = v, v
		} else {
			w.name = word
		}
	}
	w.rest = nil
}

func (w *words) text(name string) string {
	if len(w.rest) > 0 {
		w.parse()
	}
	v := w.named[name]
	delete(w.named, name)
	return v
}

func (w *words) number(name string, otherwise uint64) uint64 {
	v := w.text(name)
	if v == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil {
		w.t.Fatalf("%s: %s: %v", w.line, name, err)
	}
	return n
}

func (w *words) millis(name string, otherwise Millis) Millis {
	return Millis(w.number(name, uint64(otherwise)))
}

func (w *words) priority() int {
	n, _ := strconv.Atoi(w.text("priority"))
	return n
}

// attemptID reads an attempt in the form BOOT.N.
func (w *words) attemptID() AttemptID {
	boot, n, _ := strings.Cut(w.text("attempt_id"), ".")
	b, _ := strconv.ParseUint(boot, 10, 64)
	i, _ := strconv.ParseUint(n, 10, 64)
	return AttemptID{Boot: b, N: i}
}

// refs reads holds in the form NAME:TOKEN,NAME:TOKEN.
func (w *words) refs() []Ref {
	var refs []Ref
	for ref := range strings.SplitSeq(w.text("only"), ",") {
		if name, token, ok := strings.Cut(ref, ":"); ok {
			n, _ := strconv.ParseUint(token, 10, 64)
			refs = append(refs, Ref{name, n})
		}
	}
	return refs
}

func (w *words) done() {
	if len(w.named) > 0 || len(w.rest) > 0 {
		w.t.Fatalf("%s: unused fields %v %v", w.line, w.rest, w.named)
	}
}

func (w *words) command(verb string) Command {
	switch verb {
	case "acquire":
		return &Acquire{
			Name: w.name, Session: w.text("session"), Holder: w.text("holder"), TTL: w.millis("ttl", DefaultTTL),
			Wait: w.millis("wait", 0), Delay: w.millis("delay", 0), Limit: int(w.number("limit", 1)),
			Priority: w.priority(), Meta: w.text("meta"), Anonymous: w.text("anonymous") != "", AttemptID: w.attemptID(), Sent: w.number("sent", 0),
			Reclaim: w.text("reclaim") != "", Attempt: w.text("attempt"),
		}
	case "acquire-all":
		return &AcquireAll{
			Names: strings.Split(w.text("names"), ","), Session: w.text("session"), Holder: w.text("holder"),
			TTL: w.millis("ttl", DefaultTTL), Meta: w.text("meta"), AttemptID: w.attemptID(), Sent: w.number("sent", 0),
			Attempt: w.text("attempt"),
		}
	case "step-down":
		return &StepDown{
			Name: w.name, Token: w.number("token", 0), To: w.text("to"), Within: w.millis("within", 0), By: w.text("by"),
		}
	case "renew":
		c := &Renew{Name: w.name, Session: w.text("session"), Token: w.number("token", 0), TTL: w.millis("ttl", 0)}
		if meta := w.text("meta"); meta != "" {
			c.Meta = &meta
		}
		return c
	case "release":
		return &Release{
			Name: w.name, Session: w.text("session"), Token: w.number("token", 0), Delay: w.millis("delay", 0), Attempt: w.text("attempt"),
		}
	case "renew-session":
		return &RenewSession{Session: w.text("session"), Only: w.refs()}
	case "release-session":
		return &ReleaseSession{Session: w.text("session"), Only: w.refs()}
	case "transfer":
		return &Transfer{Name: w.name, Session: w.text("session"), Token: w.number("token", 0), To: w.text("to")}
	case "break":
		c := &Break{Name: w.name, Token: w.number("token", 0), Reason: w.text("reason"), By: w.text("by"), Grace: InheritGrace}
		if grace := w.text("grace"); grace != "" {
			w.named["grace"] = grace
			c.Grace = w.millis("grace", 0)
		}
		return c
	case "cancel-acquire":
		return &CancelAcquire{Name: w.name, Session: w.text("session"), AttemptID: w.attemptID()}
	case "end-wait":
		return &EndWait{Name: w.name, Session: w.text("session"), AttemptID: w.attemptID()}
	}
	return w.decision(verb)
}

// decision reads the commands of leaders and operators.
func (w *words) decision(verb string) Command {
	switch verb {
	case "expire-hold":
		return &Expire{Timer: TimerHold, Name: w.name, ID: w.number("id", 0), Seq: w.number("seq", 1)}
	case "expire-delay":
		return &Expire{Timer: TimerDelay, Name: w.name, ID: w.number("id", 0), Seq: w.number("seq", 1)}
	case "expire-ticket":
		return &Expire{Timer: TimerTicket, Name: w.name, ID: w.number("id", 0), Seq: w.number("seq", 1)}
	case "expire-quarantine":
		return &Expire{Timer: TimerQuarantine, Seq: w.number("seq", 1)}
	case "init-cluster":
		return &InitCluster{ClusterID: w.text("id")}
	case "recover":
		return &Recover{Floor: w.number("floor", 0), Quarantine: w.millis("quarantine", 0)}
	case "set-node":
		return &SetNode{Node{w.text("id"), w.text("name"), w.text("peer"), w.text("http"), w.number("version", 1), w.number("max-state", 0)}}
	case "stamp":
		return &Stamp{}
	case "remove-node":
		return &RemoveNode{w.text("id")}
	}
	w.t.Fatalf("%s: unknown command %q", w.line, verb)
	return nil
}
