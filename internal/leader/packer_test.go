package leader

import (
	"bytes"
	"errors"
	"testing"

	"github.com/lockd/lockd/internal/fsm"
)

func TestPackerBoundsWhatWaitsAndIsEmptiedWithItsTerm(t *testing.T) {
	p := &newTestHost(t).term.packer
	var refused, ended int
	respond := func(_ fsm.Result, _ timing, err error) {
		switch {
		case errors.Is(err, fsm.ErrOverloaded):
			refused++
		case errors.Is(err, fsm.ErrNoLeader):
			ended++
		}
	}
	for range maxAcquires + 10 {
		p.propose(proposal{command: acquireOf("x", firstSession, 1_000), respond: respond})
	}
	if refused != 10 {
		t.Errorf("%d were refused, want 10", refused)
	}
	p.propose(proposal{command: &fsm.EndWait{Name: "x", Session: firstSession}, respond: respond})
	if refused != 10 {
		t.Error("a command of the leader's own was refused")
	}
	batch, more := p.take()
	if len(batch) > fsm.MaxEntryCommands || len(batch) == 0 || !more {
		t.Errorf("an entry of %d commands, more %v", len(batch), more)
	}
	if _, own := batch[0].command.(*fsm.EndWait); !own {
		t.Error("the leader's own command is not first")
	}
	p.close()
	if want := maxAcquires + 1 - len(batch); ended != want {
		t.Errorf("%d were refused at the end of the term, want %d", ended, want)
	}
	p.propose(proposal{command: acquireOf("x", firstSession, 1_000), respond: respond})
	if want := maxAcquires + 2 - len(batch); ended != want {
		t.Error("a closed packer accepted a command")
	}
}

func TestProposalIsEncodedInTheVersionOfItsEntry(t *testing.T) {
	b := proposal{command: &fsm.InitCluster{ClusterID: "c"}}
	if err := b.encode(1); err != nil || b.version != 1 {
		t.Fatal(b.version, err)
	}
	once := b.encoded
	if err := b.encode(1); err != nil || &b.encoded[0] != &once[0] {
		t.Error("it was encoded twice")
	}
	if err := b.encode(2); err != nil || b.version != 2 || &b.encoded[0] == &once[0] || !bytes.Equal(b.encoded, once) {
		t.Errorf("%x in version %d, %v", b.encoded, b.version, err)
	}
}

func TestVersionIsThatOfAllMembersAndNeverLowered(t *testing.T) {
	h := newTestHost(t)
	if v := h.term.Version(); v != 1 {
		t.Fatalf("it begins with version %d", v)
	}
	h.do(&fsm.SetNode{Node: fsm.Node{ID: "a", Name: "a", Peer: "h:1", HTTP: "h:2", Version: fsm.EntryVersion}}, fsm.CodeOK)
	for _, step := range []struct {
		members []string
		want    uint64
		newer   bool
	}{{[]string{"a", "b"}, 1, false}, {[]string{"a"}, fsm.EntryVersion, true}, {[]string{"a", "b"}, fsm.EntryVersion, false}} {
		if v, newer := h.term.AgreeOnVersion(step.members); v != step.want || newer != step.newer {
			t.Errorf("%v: version %d, newer %v", step.members, v, newer)
		}
	}
}

// A term never writes a version below that of the applied entries.
func TestVersionIsNotBelowWhatIsApplied(t *testing.T) {
	h := newTestHost(t)
	entry := fsm.Entry{Term: 1, Commands: []fsm.Command{&fsm.Stamp{}}}
	data, err := entry.Encode(2)
	if err != nil {
		t.Fatal(err)
	}
	h.apply(data)
	next := Begin(Config{Host: h, Number: 1, Self: "a", Rounds: h.rounds, StampPause: StampPause}, h.replica)
	if v, _ := next.AgreeOnVersion([]string{"a", "b"}); v != 2 {
		t.Errorf("version %d is written after 2", v)
	}
}
