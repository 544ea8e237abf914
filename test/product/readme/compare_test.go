package readme

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A class is how a value may differ from run to run.
type class int

const (
	anything  class = iota // a time, a measured duration, a request id
	close50                // a remaining time, which rounding may change by up to 50
	zeroOrNot              // a vacancy: zero is a guarantee
	number                 // a token or a revision: the same value at each occurrence
	secret                 // a session or a cluster ID: the same value at each occurrence
)

var variables = []struct {
	class class
	match *regexp.Regexp // its last group is the value
}{
	{anything, regexp.MustCompile(`"(?:waited|held|free_in|waiting|available_in|ticket_expires_in|within)_ms":(\d+)`)},
	{anything, regexp.MustCompile(`"renewed_ms_ago":(\d+)`)},
	{anything, regexp.MustCompile(`"(?:at|since)":"(\d{4}-[^"]+Z)"`)},
	{anything, regexp.MustCompile(`"request_id":"([^"]+)"`)},
	{anything, regexp.MustCompile(`^\d{3} after (\d+\.\d+)s$`)},
	{close50, regexp.MustCompile(`"expires_in_ms":(\d+)`)},
	{zeroOrNot, regexp.MustCompile(`"vacancy_ms":(\d+)`)},
	{number, regexp.MustCompile(`"(?:token|revision)":(\d+)`)},
	{number, regexp.MustCompile(`^id: (\d+)$`)},
	{number, regexp.MustCompile(`\btoken (\d+)\b`)},
	{secret, regexp.MustCompile(`\b([0-9a-f]{32})\b`)},
	// The ID of an access token and when it was created, in JSON and in tables.
	{anything, regexp.MustCompile(`"(?:token_id|id)": ?"([a-z2-9]{10})"`)},
	{anything, regexp.MustCompile(`(?:^|\s)token ([a-z2-9]{10}) of`)},
	{anything, regexp.MustCompile(`\b(?:on|off|permissive) token \S+ ([a-z2-9]{10}) `)},
	{anything, regexp.MustCompile(`^([a-z2-9]{10}) revoked \d+$`)},
	{anything, regexp.MustCompile(` has created stay valid: ([a-z2-9]{10})$`)},
	{anything, regexp.MustCompile(`; expires (\d{4}-\S+Z);`)},
	// What kubectl and lockd show of a Lease: the token, the rest of its time, and its age.
	{number, regexp.MustCompile(`fencing-token":"(\d+)"`)},
	{number, regexp.MustCompile(`^k8s/\S+ held \S+ (\d+) `)},
	{anything, regexp.MustCompile(`^k8s/\S+ held \S+ \d+ \S+ (\S+ \d+ \S+)$`)},
	// The rest of a hold in a refusal.
	{anything, regexp.MustCompile(`, free in at most (\S+) unless renewed`)},
	{anything, regexp.MustCompile(`for at most (\d+\.\d+) s more`)},
	{anything, regexp.MustCompile(`^web (?:\S+ )?(\d+s)$`)},
	// The first leader is any of the nodes.
	{anything, regexp.MustCompile(`^\S+ (transferred|already leads)$`)},
	// The rest of the time to step down.
	{anything, regexp.MustCompile(`^\S+ \d+ \S+ (\d+(?:\.\d+)?s)$`)},
	// The table of `cluster status`: the counters after the cluster ID.
	{anything, regexp.MustCompile(`^[0-9a-f]{32} \S+ \S+ (\d+ \d+ \d+)$`)},
	// The first line of the table, and each node's version, log and revision.
	{anything, regexp.MustCompile(`^quorum \d of \d, leader \S+, term (\d+)$`)},
	{anything, regexp.MustCompile(`^\S+ UP \S+ now (\S+ \d+ \d+/\d+ \d+) \S+ \S+$`)},
}

type variable struct {
	class class
	value string
}

// split splits a line into the part that must be equal and the values that may differ.
func split(line string) (fixed string, found []variable) {
	if !strings.HasPrefix(line, "{") && !strings.HasPrefix(line, "data: ") {
		line = strings.Join(strings.Fields(line), " ") // the width of a table's columns depends on its values
	}
	type span struct {
		from, to int
		class    class
	}
	var spans []span
	for _, v := range variables {
		for _, m := range v.match.FindAllStringSubmatchIndex(line, -1) {
			spans = append(spans, span{m[len(m)-2], m[len(m)-1], v.class})
		}
	}
	slices.SortFunc(spans, func(a, b span) int { return a.from - b.from })
	var b strings.Builder
	at := 0
	for _, s := range spans {
		if s.from < at {
			continue
		}
		b.WriteString(line[at:s.from])
		fmt.Fprintf(&b, "<%d>", s.class)
		found = append(found, variable{s.class, line[s.from:s.to]})
		at = s.to
	}
	b.WriteString(line[at:])
	return b.String(), found
}

// names maps each token and secret in the document to the real one.
type names struct{ real, shown map[string]string }

func newNames() *names { return &names{make(map[string]string), make(map[string]string)} }

// same reports whether a shown value always corresponds to the same real value.
func (n *names) same(shown, real string) bool {
	r, known := n.real[shown]
	s, taken := n.shown[real]
	if !known && !taken {
		n.real[shown], n.shown[real] = real, shown
		return true
	}
	return r == real && s == shown
}

// compare returns how a line differs from the document, or nil.
func (n *names) compare(shown, real string) error {
	wantFixed, want := split(shown)
	gotFixed, got := split(real)
	if wantFixed != gotFixed || len(want) != len(got) {
		return fmt.Errorf("shown: %s\n real: %s", shown, real)
	}
	for i, w := range want {
		if g := got[i]; w.class != g.class || !n.equal(w, g.value) {
			return fmt.Errorf("the document has %s, but the value is %s\nshown: %s\n real: %s", w.value, g.value, shown, real)
		}
	}
	return nil
}

func (n *names) equal(w variable, real string) bool {
	switch w.class {
	case close50:
		a, _ := strconv.Atoi(w.value)
		b, _ := strconv.Atoi(real)
		return max(a-b, b-a) <= 50
	case zeroOrNot:
		return (w.value == "0") == (real == "0")
	case number, secret:
		return n.same(w.value, real)
	}
	return true
}

// compareAll compares outputs without empty lines.
func (n *names) compareAll(shown, real []string) error {
	shown, real = dense(shown), dense(real)
	for i := range min(len(shown), len(real)) {
		if err := n.compare(shown[i], real[i]); err != nil {
			return err
		}
	}
	switch {
	case len(shown) > len(real):
		return fmt.Errorf("in the document, but not printed: %s", shown[len(real)])
	case len(shown) < len(real):
		return fmt.Errorf("printed, but not in the document: %s", real[len(shown)])
	}
	return nil
}

// dense removes empty lines, the shell's messages about jobs, and the marks of an idle stream.
func dense(lines []string) []string {
	var kept []string
	for i := 0; i < len(lines); i++ {
		switch {
		case strings.TrimSpace(lines[i]) == "", jobNotice.MatchString(lines[i]):
		case i+2 < len(lines) && lines[i+1] == "event: mark":
			i += 2
		default:
			kept = append(kept, lines[i])
		}
	}
	return kept
}

var jobNotice = regexp.MustCompile(`^(\[\d+\][+-]? |bash: line \d+: +\d+ Killed)`)

var tokenInCommand = regexp.MustCompile(`("token":|token=|after=)(\d+)`)

// inCommand replaces tokens and secrets in a command with the real ones.
func (n *names) inCommand(command string) string {
	command = tokenInCommand.ReplaceAllStringFunc(command, func(s string) string {
		m := tokenInCommand.FindStringSubmatch(s)
		if real, ok := n.real[m[2]]; ok {
			return m[1] + real
		}
		return s
	})
	for shown, real := range n.real {
		if len(shown) == 32 {
			command = strings.ReplaceAll(command, shown, real)
		}
	}
	return command
}

// This test shows that the comparison can fail.
func TestComparisonDetectsDifferences(t *testing.T) {
	const grant = `{"token":3,"ttl_ms":15000,"expires_in_ms":14985,"waited_ms":0,"revision":3}`
	for _, c := range []struct {
		name         string
		shown, real  []string
		wantAccepted bool
	}{
		{"the same", []string{grant, "201"}, []string{grant, "201"}, true},
		{"other times and tokens", []string{grant}, []string{
			`{"token":8,"ttl_ms":15000,"expires_in_ms":14984,"waited_ms":7,"revision":8}`}, true},
		{"another status", []string{grant, "201"}, []string{grant, "409"}, false},
		{"another ttl", []string{grant}, []string{strings.Replace(grant, "15000", "5000", 1)}, false},
		{"another promise", []string{grant}, []string{strings.Replace(grant, "14985", "15000000", 1)}, false},
		{"a member is missing", []string{grant}, []string{strings.Replace(grant, `,"waited_ms":0`, "", 1)}, false},
		{"a token that changed", []string{grant, grant}, []string{grant, strings.Replace(grant, `"token":3`, `"token":4`, 1)}, false},
		{"two tokens that are equal", []string{`{"token":3}`, `{"token":4}`}, []string{`{"token":5}`, `{"token":5}`}, false},
		{"a vacancy shown as zero", []string{`{"vacancy_ms":0}`}, []string{`{"vacancy_ms":12}`}, false},
		{"a line less", []string{grant, "201"}, []string{grant}, false},
		{"a line more", []string{grant}, []string{grant, "201"}, false},
		{"a mark in between", []string{"id: 3", "event: free"}, []string{
			"id: 2", "event: mark", `data: {"revision":2,"type":"mark"}`, "", "id: 9", "event: free"}, true},
		{"another event", []string{"id: 3", "event: free"}, []string{"id: 3", "event: expired"}, false},
		{"wider columns", []string{"NODE   OK"}, []string{"NODE        OK"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := newNames().compareAll(c.shown, c.real); (err == nil) != c.wantAccepted {
				t.Errorf("accepted: %v (%v), want %v", err == nil, err, c.wantAccepted)
			}
		})
	}
}

func TestParseUndoesFolding(t *testing.T) {
	line := `{"a":[` + strings.Repeat(`{"holder":"worker-1","text":"one, two"},`, 20) + `{}]}`
	b := block{terminal: "second", steps: []step{{line: 2, command: "curl \\\n  x", output: []string{line, "201"}}}}
	got, err := parse(strings.Join(render(b), "\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || len(got[0].steps) != 1 || got[0].terminal != "second" {
		t.Fatalf("got %+v", got)
	}
	if s := got[0].steps[0]; s.command != "curl \\\n  x" || !slices.Equal(s.output, []string{line, "201"}) {
		t.Errorf("got %+v", s)
	}
}
