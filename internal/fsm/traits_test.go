package fsm

import (
	"testing"

	"github.com/lockd/lockd/internal/fsm/document"
)

// TestTraitsOfEveryCommand states the traits of each command, and of the fields that
// change them.
func TestTraitsOfEveryCommand(t *testing.T) {
	const session = "s"
	token, attempt := uint64(1), "a"
	seen := make(map[kind]bool)
	for _, test := range []struct {
		name    string
		command Command
		want    Traits
	}{
		{"acquire", &Acquire{Session: session},
			Traits{Lane: LaneAcquire, Session: session, Weight: 1, Idempotent: true}},
		{"acquire that waits", &Acquire{Session: session, Wait: 5},
			Traits{Lane: LaneAcquire, Session: session, Weight: 1, Idempotent: true, Wait: 5}},
		{"reclaim", &Acquire{Session: session, Reclaim: true},
			Traits{Lane: LaneAcquire, Session: session, Weight: 1, Idempotent: true, Reclaims: true}},
		{"acquire of three leases", &AcquireAll{Session: session, Names: []string{"x", "y", "z"}},
			Traits{Lane: LaneAcquire, Session: session, Weight: 3, Idempotent: true}},
		{"renew", &Renew{Session: session},
			Traits{Lane: LaneRenewal, Session: session, Weight: 1, Idempotent: true, FinalRefusal: true}},
		{"renew session", &RenewSession{Session: session},
			Traits{Lane: LaneRenewal, Session: session, Weight: 1, Idempotent: true, FinalRefusal: true}},
		{"release", &Release{Session: session},
			Traits{Lane: LaneDefault, Session: session, Weight: 1}},
		{"release with a token", &Release{Session: session, Token: token},
			Traits{Lane: LaneDefault, Session: session, Weight: 1, Idempotent: true}},
		{"release of an attempt", &Release{Session: session, Attempt: attempt},
			Traits{Lane: LaneDefault, Session: session, Weight: 1, Idempotent: true}},
		{"release session", &ReleaseSession{Session: session},
			Traits{Lane: LaneDefault, Session: session, Weight: 1}},
		{"release of some holds of a session", &ReleaseSession{Session: session, Only: []Ref{{"x", token}}},
			Traits{Lane: LaneDefault, Session: session, Weight: 1, Idempotent: true}},
		{"transfer", &Transfer{Session: session},
			Traits{Lane: LaneDefault, Session: session, Weight: 1}},
		{"transfer with a token", &Transfer{Session: session, Token: token},
			Traits{Lane: LaneDefault, Session: session, Weight: 1, Idempotent: true}},
		{"clean-up", &CancelAcquire{Session: session},
			Traits{Lane: LaneDefault, Session: session, Weight: 1, Idempotent: true}},
		{"break", &Break{}, Traits{Lane: LaneDefault, Weight: 1, Idempotent: true}},
		{"step down", &StepDown{}, Traits{Lane: LaneDefault, Weight: 1, Idempotent: true}},
		{"end of a wait", &EndWait{Session: session}, Traits{Lane: LaneExpiry, Weight: 1, Idempotent: true, Internal: true}},
		{"expire", &Expire{}, Traits{Lane: LaneExpiry, Weight: 1, Idempotent: true, Internal: true}},
		{"set node", &SetNode{}, Traits{Lane: LaneDefault, Weight: 1, Idempotent: true, Internal: true}},
		{"remove node", &RemoveNode{}, Traits{Lane: LaneDefault, Weight: 1, Idempotent: true, Internal: true}},
		{"found", &InitCluster{}, Traits{Lane: LaneDefault, Weight: 1, Idempotent: true, Internal: true}},
		{"recover", &Recover{}, Traits{Lane: LaneDefault, Weight: 1, Idempotent: true, Internal: true}},
		{"change of access", &ChangeAccess{}, Traits{Lane: LaneDefault, Weight: 1}},
		{"new Lease", &ChangeObject{Write: document.Write{Object: leaseObject("x", "a", 0)}},
			Traits{Lane: LaneAcquire, Weight: 1, Idempotent: true}},
		{"released Lease", &ChangeObject{Write: document.Write{Object: leaseObject("x", "", 0)}},
			Traits{Lane: LaneDefault, Weight: 1, Idempotent: true}},
		{"renewed Lease", &ChangeObject{Write: document.Write{Object: leaseObject("x", "", 0), Renewal: true}},
			Traits{Lane: LaneRenewal, Weight: 1, Idempotent: true}},
		{"deleted Lease", &ChangeObject{Write: document.Write{Object: leaseObject("x", "", 0), Delete: true}},
			Traits{Lane: LaneDefault, Weight: 1, Idempotent: true}},
		{"candidate", &ChangeObject{Write: document.Write{Object: candidateObject("a", "x", "1.36.0")}},
			Traits{Lane: LaneDefault, Weight: document.MaxCandidatesOf, Idempotent: true}},
		{"stamp", &Stamp{}, Traits{Lane: LaneDefault, Weight: 1, Idempotent: true, Internal: true}},
	} {
		seen[test.command.kind()] = true
		if got := test.command.Traits(); got != test.want {
			t.Errorf("%s: traits are %+v, want %+v", test.name, got, test.want)
		}
	}
	for k := kind(1); int(k) < len(commands); k++ {
		if !seen[k] {
			t.Errorf("no traits are stated for %T", newCommand(k))
		}
	}
}
