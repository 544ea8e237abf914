// Package mutants tests the tests. It breaks lockd in named ways, one at a time and outside of its source, and checks
// that a named test fails for each.
package mutants

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lockd/lockd/test/harness/goals"
)

var all = flag.Bool("all", false, "run every mutant, not only those of the default run")

// A mutant is one way to break lockd, and the test that must fail because of it.
type mutant struct {
	name     string
	everyday bool
	file     string
	old, new string
	pkg, run string
	args     []string // of the test
}

func mutants() []mutant {
	const fsm, leader, cluster, watch = "internal/fsm", "internal/leader", "internal/cluster", "internal/watch"
	const storage, transport = "internal/storage", "internal/transport"
	const sim, judged = "test/proof/sim", "TestSimulatedHistoriesAreValid"
	seeds := []string{"-judge", "all", "-runs", "12"}
	return []mutant{
		{name: "a token is given twice", file: fsm + "/grant.go",
			old: "Token: m.revision + 1, Slot", new: "Token: m.revision, Slot", pkg: fsm, run: "TestMachineAgreesWithItsModel"},
		{name: "a held lease is granted", everyday: true, file: fsm + "/acquire.go",
			old: "len(l.Queue) == 0 && len(l.Holds)+len(l.Cooldowns) < limit", new: "len(l.Queue) == 0 && limit > 0",
			pkg: "test/proof/exhaustive", run: "TestEveryStateInASmallScope"},
		{name: "a hold that was renewed expires", file: fsm + "/expire.go",
			old: "h != nil && h.Seq == c.Seq", new: "h != nil", pkg: fsm, run: "TestMachineAgreesWithItsModel"},
		{name: "an expiry applies in a later term", file: fsm + "/expire.go",
			old: "if m.packedTerm != m.term {", new: "if m.packedTerm > m.term {", pkg: "test/proof/exhaustive", run: "TestEveryStateInASmallScope"},
		{name: "a replaced leader confirms by old answers", everyday: true, file: leader + "/rounds.go",
			old: "a.term == term && a.round >= round", new: "a.term == term", pkg: cluster, run: "TestAnswersFromBeforeTheQuestionConfirmNothing"},
		{name: "an entry that was packed in another term is applied", file: leader + "/replica.go",
			old: "if e.Term == term {", new: "if e.Term <= term+1<<40 {", pkg: cluster, run: "TestAnEntryOfAnotherTermIsNoEntry"},
		{name: "a follower receives a commit for another leader's entry", everyday: true, file: transport + "/commits.go",
			old: "f.of.Term == c.committed.term", new: "f.of.Term >= c.committed.term", pkg: transport, run: "TestFollowerGetsCommitIndexOfAcknowledgedEntriesOnly"},
		{name: "a follower receives commits beyond its log", file: transport + "/commits.go",
			old: "commit = min(c.committed.index, f.last.index)", new: "commit = c.committed.index", pkg: transport, run: "TestFollowerGetsCommitIndexOfAcknowledgedEntriesOnly"},
		{name: "a repeated acquire does not find its hold", file: fsm + "/acquire.go",
			old: "if h := l.HoldOf(c.Session); h != nil {\n		return c.reacquire", new: "if h := l.HoldOf(c.Session); h != nil && c.Reclaim {\n		return c.reacquire",
			pkg: fsm, run: "TestMachineAgreesWithItsModel"},
		{name: "a watch skips events that are gone", file: watch + "/ring.go",
			old: "if after < r.dropped {", new: "if false {", pkg: watch, run: "TestDroppedEventsAreReportedAsGone"},
		{name: "an expired Lease keeps its holder", everyday: true, file: fsm + "/document/store.go",
			old: "if held.Token == d.Lease.Token {", new: "if held.Token == 0 || held.Token == d.Lease.Token {", pkg: fsm, run: "TestObjectsAgreeWithTheirLeases"},
		{name: "a copy of a write is applied twice", file: fsm + "/document/store.go",
			old: "old.Write == n.Write", new: "old.Write > n.Write", pkg: fsm, run: "TestObjectWritesNeedTheRevision"},
		{name: "a Lease ends the hold of another principal", file: fsm + "/objects.go",
			old: "h.Principal == \"\" || h.Principal == by.Principal", new: "h.Principal != by.Principal+\"x\"", pkg: fsm, run: "TestLeaseObjectBelongsToItsPrincipal"},
		{name: "an election chooses the holder that has just ended", file: fsm + "/document/election.go",
			old: "return Best(others)", new: "return Best(append(others, last...))", pkg: fsm, run: "TestElectionAvoidsTheLastHolder"},
		{name: "a holder gives way to a candidate that has ended", file: fsm + "/document/election.go",
			old: "if !best.Alive(h.Now()) {", new: "if best == nil {", pkg: fsm, run: "TestElection"},
		{name: "a command is applied after its caller's right was revoked", everyday: true, file: fsm + "/machine.go",
			old: "if o := m.Check(c, m.wall); o != access.Done {", new: "if o := m.Check(c, m.wall); o > access.OutcomeEnd {", pkg: fsm, run: "TestRevokedCallerIsRefusedWhenItsCommandIsApplied"},
		{name: "deadlines use the wall clock", file: fsm + "/machine.go",
			old: "max(m.now, e.Stamp)", new: "max(m.now, Millis(e.Wall))", pkg: fsm, run: "TestStories"},
		{name: "a renewal revives a hold whose end was proposed", everyday: true, file: leader + "/deadlines.go",
			old: "if d == nil || d.marked() || d.fixed {", new: "if d == nil || d.fixed {", pkg: leader, run: "TestNothingRaisesAMarkedHold"},
		{name: "a release ignores its token", file: fsm + "/release.go",
			old: "if c.Token != 0 && c.Token != h.Token {", new: "if false {", pkg: fsm, run: "TestStories"},
		{name: "a recovery grants lost tokens again", file: fsm + "/recover.go",
			old: "max(m.revision+RecoverJump, min(c.Floor, MaxFloor))", new: "max(m.revision, min(c.Floor, MaxFloor))", pkg: fsm, run: "TestStories"},
		{name: "an unanswered grant is released although its holder renewed it", file: leader + "/deadlines.go",
			old: "if d == nil || d.marked() || d.kept {", new: "if d == nil || d.marked() {", pkg: leader, run: "TestAWithdrawnHoldIsMarkedUnlessItsHolderHasRenewedIt"},
		{name: "a short hold keeps its old deadline under a new leader", file: fsm + "/timer.go",
			old: "Stamped: h.TTL > ShortTTL", new: "Stamped: true", pkg: "test/proof/exhaustive", run: "TestEveryStateInASmallScope"},
		{name: "an acquire is answered before it is applied", file: leader + "/submit.go",
			old: "	t.log(c, arrival, respond)\n}\n\n// log", new: answeredAtOnce,
			pkg: "test/history/workload", run: "TestHistoriesDuringFailoversAreValid"},
		{name: "the log is not synced", file: storage + "/store.go",
			old: "Options{Path: path, BoltOptions", new: "Options{Path: path, NoSync: true, BoltOptions",
			pkg: "test/proof/chaos", run: "TestClusterKeepsItsGuaranteesUnderFaults", args: []string{"-kind", "power", "-target", "all", "-times", "5"}},
		{name: "a round confirms checks that came after it began", everyday: true, file: leader + "/confirm.go",
			old: "confirming, c.rounds.Begin(), 0, 0", new: "confirming, max(c.rounds.newest, 1), 0, 0", pkg: sim, run: judged, args: seeds},
		{name: "a promise ignores clock drift during the wait", file: leader + "/clock.go",
			old: "Millis(d - d/1000)", new: "Millis(d)", pkg: leader, run: "TestAPromiseNeverOutlastsWhatItCountsFrom"},
		{name: "a wait runs out before its acquire is applied", file: leader + "/waittable.go",
			old: "	t.byKey[w.key()], w.index = w, -1\n", new: "	t.byKey[w.key()], w.index = w, -1\n	heap.Push(&t.byEnd, w)\n",
			pkg: leader, run: "TestWaits"},
		{name: "a new leader's deadlines begin before its term", file: leader + "/state.go",
			old: "s.deadlines.Apply(now, s.clock.cluster(now), timers)", new: "s.deadlines.Apply(stamped, s.clock.cluster(stamped), timers)",
			pkg: sim, run: judged, args: seeds},
		{name: "a release overtakes its session's acquire", everyday: true, file: leader + "/lanes.go",
			old: "session != \"\" && l.acquiring[session] > 0", new: "false", pkg: leader, run: "TestNoCommandOvertakesAnAcquireOfItsSession"},
		{name: "an acquire is packed before a release", file: fsm + "/release.go",
			old: "Lane: LaneDefault, Session", new: "Lane: LaneAcquire, Session", pkg: leader, run: "TestRenewalsArePackedBeforeAcquires"},
		{name: "admission has no limit", file: leader + "/caller.go",
			old: "c.acquiring.Add(1) > maxAcquiring", new: "c.acquiring.Add(1) > maxAcquiring<<20", pkg: leader, run: "TestAFloodIsRefused"},
		{name: "a late copy of an acquire is granted", everyday: true, file: fsm + "/ends.go",
			old: "return sent != 0 &&\n", new: "return sent > 1<<60 &&\n", pkg: fsm, run: "TestMachineAgreesWithItsModel"},
		{name: "the term of a vote is stored before its candidate", file: storage + "/halfvote.go",
			old: "if string(key) != voteTermKey {", new: "if true {", pkg: storage, run: "TestHalfWrittenVoteElectsNoNodeWithShortLog"},
		{name: "a replaced term answers what it has confirmed", everyday: true, file: leader + "/confirm.go",
			old: "if !c.t.Serves() {", new: "if false {", pkg: leader, run: "TestAReplacedTermAnswersNoCheck"},
		{name: "a term writes a version that a member does not read", file: leader + "/version.go",
			old: "version = min(version, max(1, reads[id]))", new: "_ = reads[id]", pkg: leader, run: "TestVersionIsThatOfAllMembersAndNeverLowered"},
		{name: "a refusal after a lost attempt counts as definite", file: leader + "/call.go",
			old: "lost := k.unknown || last.Code", new: "lost := last.Code", pkg: leader, run: "TestOnlyARefusalAfterALostAttemptIsUnknown"},
		{name: "an end that may have been applied is decided again", file: leader + "/expire.go",
			old: "		if errors.Is(d.failed, fsm.ErrUnknown) {\n			return\n		}\n", new: "", pkg: leader, run: "TestExpireNeverRetriesWhatMayBeApplied"},
		{name: "a call counts the time before its last attempt twice", file: leader + "/call.go",
			old: "reply.Waited += Waited(k.passed)", new: "reply.Waited += 2 * Waited(k.passed)", pkg: leader, run: "TestAnAnswerCountsTheWaitFromTheFirstAttempt"},
		{name: "a list is answered without a quorum", file: leader + "/query.go",
			old: "	var a fsm.Answer\n	var all *fsm.Leases\n", new: "	var a fsm.Answer\n	var all *fsm.Leases\n	if q.Kind == fsm.QueryList {\n		respond(a, nil)\n		return\n	}\n",
			pkg: leader, run: "TestEveryReadNeedsAQuorum"},
		{name: "a read does not wait for entries that were committed before it", file: leader + "/confirm.go",
			old: "if c.reached < c.commit {", new: "if false {", pkg: leader, run: "TestAReadWaitsForWhatIsCommitted"},
		{name: "a restored replica counts from the stamp before it", file: leader + "/replica.go",
			old: "{ r.Machine, r.Stamped = m, now }", new: "{ r.Machine, _ = m, now }", pkg: leader, run: "TestARestoredReplicaCountsFromTheRestore"},
		{name: "an answer counts for a round that began after its request", everyday: true, file: transport + "/raft.go",
			old: sentBefore, new: sentAfter, pkg: transport, run: "TestAnswerCountsForTheRoundBeforeItsRequest"},
		{name: "members without a vote confirm a round", file: cluster + "/raftview.go",
			old: "		if s.Suffrage == raft.Voter {\n			ids", new: "		if s.Suffrage >= raft.Voter {\n			ids", pkg: cluster,
			run: "TestMembersWithoutVoteConfirmNothing"},
		{name: "a newcomer takes the place of a living member of its name", file: cluster + "/join.go",
			old: "|| t.n.peers.lives(id) {", new: "{", pkg: cluster, run: "TestNewcomerWithNameOfLivingMemberIsRefused"},
		{name: "a client extends its lease by an older renewal", file: "clients/go/hold.go",
			old: "if crossed || sent.at.Before(l.sent.at) {", new: "if crossed {", pkg: "clients/go", run: "TestOlderRenewalExtendsNothing"},
		{name: "a renewal promises from when it is confirmed", file: leader + "/renew.go",
			old: "reply.Waited, reply.ExpiresIn = promise(arrival, arrival, h.TTL)", new: "reply.Waited, reply.ExpiresIn = promise(arrival, now, h.TTL)",
			pkg: sim, run: judged, args: seeds},
		{name: "a renewal is confirmed although its token was revoked", everyday: true, file: leader + "/renewal.go",
			old: "if m.Guards() {\n", new: "if m.Guards() && m.Revision() == 0 {\n",
			pkg: leader, run: "TestRevocationBeforeTheRoundEndsIsNotConfirmed"},
		{name: "a renewal that has to be logged is not checked again", file: leader + "/renewal.go",
			old: "if !unlogged && !guards {", new: "if _ = guards; !unlogged {", pkg: leader, run: "TestRevocationBeforeTheRoundEndsIsNotConfirmed"},
		{name: "a renewal is confirmed although another principal was granted the lease meanwhile", file: leader + "/renewal.go",
			old: "admitted != c || m.Foreign(c); changed {", new: "admitted != c; changed {",
			pkg: leader, run: "TestRenewalIsCheckedAgainWhenItIsConfirmed"},
		{name: "a copied session is enough to use a hold", everyday: true, file: fsm + "/guard.go",
			old: "owner != \"\" && owner != from.Principal", new: "owner > \"~\"", pkg: fsm, run: "TestHoldsBelongToTheirPrincipal"},
		{name: "the sessions of an older version are stored as they are", file: fsm + "/seal.go",
			old: "	m.leases.Seal(sealed)\n", new: "", pkg: fsm, run: "TestSessionsAreSealedWhenEveryMemberReadsIt"},
		{name: "a session is logged as it is sent", file: fsm + "/seal.go",
			old: "return s.withSession(access.SealSession(salt, session))", new: "return s.withSession(session)", pkg: fsm, run: "TestSealedCommandIsThatOfTheSession"},
	}
}

// sentAfter reads the round after the request was answered, and not before it was sent.
const (
	sentRound   = "	round := t.rounds.Sent()\n"
	sentRequest = "	err := t.retry(id, func() error { return t.NetworkTransport.AppendEntries(id, target, args, resp) })\n"
	sentBefore  = sentRound + sentRequest
	sentAfter   = sentRequest + sentRound
)

// answeredAtOnce responds to an acquire of a free lease before it passes the acquire to the packer.
const answeredAtOnce = `	if a, ok := c.(*fsm.Acquire); ok {
		free, token := false, uint64(0)
		t.host.View(func(r *Replica) { free, token = len(r.Machine.Lease(a.Name).Holds) == 0, r.Machine.Revision()+1 })
		if free {
			h := &fsm.Hold{Token: token, Holder: a.Holder, Session: a.Session, TTL: a.TTL}
			respond(fsm.Reply{Result: fsm.Result{Code: fsm.CodeGranted, Hold: h, Revision: token}, ExpiresIn: a.TTL - a.TTL/1000 - 1}, nil)
			respond = func(fsm.Reply, error) {}
		}
	}
	t.log(c, arrival, respond)
}

// log`

func TestEveryMutantFailsItsTest(t *testing.T) {
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	goal := &goals.Goal{ID: "G19", Verdict: goals.Passed}
	began := time.Now()
	for _, m := range mutants() {
		t.Run(m.name, func(t *testing.T) {
			if !m.everyday && !*all {
				t.Skip("only with -all")
			}
			out, err := m.test(t, root)
			goal.Ops++
			switch output := string(out); {
			case strings.Contains(output, "--- SKIP: "+m.run):
				goal.Skipped = append(goal.Skipped, m.name)
				t.Skipf("%s cannot run on this machine", m.run)
			case err == nil:
				t.Errorf("%s does not fail", m.run)
			case !strings.Contains(output, "--- FAIL: "+m.run):
				t.Errorf("the output shows no failure of %s:\n%s", m.run, output[:min(len(output), 2_000)])
			}
			if t.Failed() {
				goal.Violations++
				goal.Verdict, goal.Why = goals.Failed, append(goal.Why, m.name)
			}
		})
	}
	goal.Real = goals.Seconds(time.Since(began))
	goal.Figures = map[string]any{"mutants": goal.Ops, "noticed": goal.Ops - goal.Violations - len(goal.Skipped)}
	if err := goal.Print(); err != nil {
		t.Error(err)
	}
}

// test runs the test with the mutant instead of the source, also in programs that the test builds. The test discards
// what it saves about its failure.
func (m mutant) test(t *testing.T, root string) ([]byte, error) {
	args := append([]string{"test", "-count=1", "-v", "-timeout", "8m", "-run", "^" + m.run + "$", ".", "-args"}, m.args...)
	if m.pkg == "internal/fsm" {
		args = append(args, "-rapid.nofailfile")
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = filepath.Join(root, m.pkg) // the Go client is a module of its own
	cmd.Env = append(os.Environ(), goals.Variable+"=", "TMPDIR="+t.TempDir(),
		"GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" -overlay="+m.overlay(t, root)))
	return cmd.CombinedOutput()
}

// overlay writes the changed file, and the overlay file for go build that replaces the original with it.
func (m mutant) overlay(t *testing.T, root string) string {
	t.Helper()
	path := filepath.Join(root, m.file)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), m.old); n != 1 {
		t.Fatalf("%s has %d times %q: update the mutant", m.file, n, m.old)
	}
	dir := t.TempDir()
	changed := filepath.Join(dir, filepath.Base(path))
	if err := os.WriteFile(changed, []byte(strings.Replace(string(text), m.old, m.new, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(map[string]any{"Replace": map[string]string{path: changed}})
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return overlay
}
