package leases

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console"
)

func TestEventsAreSentences(t *testing.T) {
	zone := time.FixedZone("UTC+2", 2*60*60)
	now := time.Date(2026, 1, 2, 15, 4, 5, 0, zone)
	for event, want := range map[string]string{
		`{"type":"acquired","name":"job","holder":"w2","token":9,"at":"2026-01-02T12:00:01Z","cause":"expired","vacancy_ms":0}`:        `14:00:01  job               acquired by w2 (token 9), at once`,
		`{"type":"acquired","name":"job","holder":"w2","token":9,"at":"2026-01-01T12:00:01Z","cause":"released","vacancy_ms":41000}`:   `2026-01-01 14:00:01  job               acquired by w2 (token 9), after 41s without a holder`,
		`{"type":"released","name":"job","holder":"w1","token":3,"at":"2026-01-02T12:00:01Z","held_ms":61000}`:                         `14:00:01  job               released by w1 (token 3), held for 1m1s`,
		`{"type":"expired","name":"job","holder":"w1","token":3,"at":"2026-01-02T12:00:01Z","held_ms":2000}`:                           `14:00:01  job               expired: w1 (token 3) did not renew it, held for 2s`,
		`{"type":"broken","name":"job","holder":"w1","token":3,"by":"ops","reason":"it hangs\u001b[2J","at":"2026-01-02T12:00:01Z"}`:   `14:00:01  job               broken by ops: w1 (token 3) (it hangs\u001b[2J)`,
		`{"type":"transferred","name":"job","holder":"w1","token":3,"to":"w2","at":"2026-01-02T12:00:01Z"}`:                            `14:00:01  job               transferred by w1 (token 3) to w2`,
		`{"type":"step_down","name":"job","holder":"w1","token":3,"to":"w2","within_ms":30000,"by":"ops","at":"2026-01-02T12:00:01Z"}`: `14:00:01  job               step-down requested by ops: w1 (token 3), for w2, within 30s`,
		`{"type":"later","name":"job","at":"2026-01-02T12:00:01Z"}`:                                                                    `14:00:01  job               later`,
		`{"type":"state","name":"job","lease":{"name":"job","state":"held","queue_length":1,"holders":[{"holder":"w1","token":3}]}}`:   `15:04:05  job               held by w1 (token 3), 1 waiter`,
		`{"type":"synced","revision":9}`: `15:04:05  changes after revision 9:`,
	} {
		var e lockd.Event
		if err := json.Unmarshal([]byte(event), &e); err != nil {
			t.Fatal(err)
		}
		if got := EventLine(e, now, console.Style{}); got != want {
			t.Errorf("%s\n%s\nwant\n%s", event, got, want)
		}
	}
}

func TestSlotAndURLAreColumnsOnlyIfALeaseHasThem(t *testing.T) {
	plain := lockd.State{Name: "a", State: "held", Limit: 1, Holders: []lockd.HolderState{{Holder: "w", Token: 3, Meta: json.RawMessage(`{"url":7}`)}}}
	pool := lockd.State{Name: "b", State: "held", Limit: 2, Holders: []lockd.HolderState{{Holder: "w", Token: 4, Slot: 1, Held: 3_605_000, Meta: json.RawMessage("{\"url\":\"http://x\u202e\"}")}}}
	if head := StateTable(false, plain).Head; strings.Contains(head, "SLOT") || strings.Contains(head, "URL") {
		t.Errorf("a plain lease: %s", head)
	}
	lines := StateTable(false, plain, pool).Lines(console.Screen{})
	want := []string{"NAME STATE HOLDER TOKEN TTL FREE-IN WAITERS AGE SLOT URL", "a held w 3 none - 0 0s - -", `b held w 4 none - 0 1h 1 http://x\u202e`}
	for i, line := range lines {
		if got := strings.Join(strings.Fields(line), " "); got != want[i] {
			t.Errorf("%q, want %q", got, want[i])
		}
	}
	// A terminal that is too narrow for the URL does not show it, and cuts nothing else.
	if line := StateTable(false, plain, pool).Lines(console.Screen{Width: 70})[2]; strings.Contains(line, "http") || strings.Contains(line, "…") || len(line) > 70 {
		t.Errorf("%q", line)
	}
}
