package chaos

import (
	"errors"
	"fmt"
	"syscall"
	"time"
)

// syncsUntilHalfVote is the sync of an election at which the node is killed. The file of the log syncs twice for each
// value: for the pages, and for the header that activates them. An election stores the term, then the candidate of
// the vote, then the term of the vote.
const syncsUntilHalfVote = 5

// A half vote kills a follower between the two writes of its vote, in an election that starts because the leader is
// stopped.
type halfVote struct {
	w      *world
	leader *node
	voter  *node
	tamper *tamper
	killed bool
}

func newHalfVote(w *world, _ victims, _ Step) fault { return &halfVote{w: w} }

func (h *halfVote) inject() error {
	leader, err := h.w.awaitLeader()
	if err != nil {
		return err
	}
	voter := without(h.w.nodes, leader)[0]
	if err := leader.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	h.leader = leader
	voter.expectEnd()
	h.voter = voter
	h.tamper, err = attach(h.w.dir, voter, fmt.Sprintf("signal=KILL:when=%d", syncsUntilHalfVote), "SIGKILL")
	return err
}

func (h *halfVote) heal() (err error) {
	if h.tamper != nil {
		if p := h.voter.life(); p == nil {
			h.killed = true
		} else if _, waited := p.wait(h.voter.name, 10*time.Second); waited == nil {
			h.killed = true
		}
		if _, detached := h.tamper.detach(); detached != nil && !h.killed {
			err = detached
		}
	}
	if h.leader != nil {
		err = errors.Join(err, h.leader.signal(syscall.SIGCONT))
	}
	if h.voter != nil && h.voter.life() == nil {
		err = errors.Join(err, h.voter.start())
	} else if h.voter != nil {
		h.voter.expectNoEnd()
	}
	return err
}

func (h *halfVote) effect() (string, error) {
	if !h.killed {
		return "", fmt.Errorf("%s was not killed: it stored no vote", h.voter.name)
	}
	return fmt.Sprintf("%s was killed between the two writes of a vote", h.voter.name), nil
}
