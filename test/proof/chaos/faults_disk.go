package chaos

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func diskKinds() []kind {
	one := []string{theLeader, aFollower}
	disks := []capability{hasDisks}
	injecting := []capability{hasDisks, hasInjection}
	return []kind{
		{name: "fsync-error", area: onProcess, needs: injecting, targets: one, shortest: 500 * time.Millisecond, longest: 3 * time.Second, make: newFsyncError},
		{name: "slow-disk", area: onProcess, needs: injecting, targets: append(one, allNodes), amounts: []int{50, 200},
			shortest: 2 * time.Second, longest: 8 * time.Second, make: newSlowDisk},
		{name: "half-vote", area: onCluster, needs: injecting, targets: []string{theCluster}, nodes: 3, make: newHalfVote},
		{name: "hung-disk", area: onProcess, needs: append(disks, hasFreeze), targets: one, shortest: 2 * time.Second, longest: 6 * time.Second, make: newHungDisk},
		{name: "full-disk", area: onProcess, needs: disks, targets: one, shortest: 2 * time.Second, longest: 6 * time.Second, make: newFullDisk},
		{name: "power", area: onProcess, needs: append(disks, hasPowerCut), targets: append(one, allNodes),
			shortest: 200 * time.Millisecond, longest: 2 * time.Second, make: newPowerCut},
	}
}

// A tamper is a tracer that changes the results of a process's disk calls.
type tamper struct {
	cmd  *exec.Cmd
	log  string
	mark string // marks a changed call in the output of the tracer
}

// attach starts to change the sync calls of a process, and waits until the tracer is attached.
func attach(dir string, n *node, inject, mark string) (*tamper, error) {
	pid, err := n.pid()
	if err != nil {
		return nil, err
	}
	t := &tamper{log: filepath.Join(dir, n.name+".strace"), mark: mark}
	t.cmd = exec.Command("strace", "-f", "-p", fmt.Sprint(pid), "-o", t.log,
		"-ttt", "-e", "trace=fdatasync,fsync", "-e", "inject=fdatasync,fsync:"+inject)
	output, err := t.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := t.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewReader(output)
	if line, err := lines.ReadString('\n'); err != nil || !strings.Contains(line, "attached") {
		return nil, errors.Join(fmt.Errorf("the tracer printed %q", line), err, t.cmd.Process.Kill(), t.cmd.Wait())
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	return t, nil
}

// detach ends the tracer and returns the number of changed calls.
func (t *tamper) detach() (calls int, err error) {
	if err := t.cmd.Process.Signal(syscall.SIGINT); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return 0, err
	}
	_ = t.cmd.Wait() // it exits because of the signal, or with the traced process
	return t.changed()
}

// changed returns the number of changed calls so far.
func (t *tamper) changed() (calls int, err error) {
	raw, err := os.ReadFile(t.log)
	return strings.Count(string(raw), t.mark), err
}

// untilExit returns the time from the first changed call to the exit of the process, according to the tracer.
func (t *tamper) untilExit() (time.Duration, error) {
	raw, err := os.ReadFile(t.log)
	if err != nil {
		return 0, err
	}
	var changed, ended float64
	for line := range strings.Lines(string(raw)) {
		var pid int
		var at float64
		if _, err := fmt.Sscan(line, &pid, &at); err != nil {
			continue
		}
		if changed == 0 && strings.Contains(line, t.mark) {
			changed = at
		}
		if strings.Contains(line, "+++ exited") {
			ended = at
		}
	}
	if changed == 0 || ended == 0 {
		return 0, errors.New("the tracer saw no changed call, or no exit")
	}
	return time.Duration((ended - changed) * float64(time.Second)), nil
}

// An fsync error fails every sync. The node must stop at once.
type fsyncError struct {
	w      *world
	node   *node
	tamper *tamper
	calls  int
	out    time.Duration // from the first error to the exit of the process
	code   int
	life   *process
}

func newFsyncError(w *world, v victims, _ Step) fault { return &fsyncError{w: w, node: v.one()} }

func (f *fsyncError) took() time.Duration { return f.out }

func (f *fsyncError) inject() (err error) {
	f.node.expectEnd()
	if f.life = f.node.life(); f.life == nil {
		return fmt.Errorf("%s is not running", f.node.name)
	}
	f.tamper, err = attach(f.w.dir, f.node, "error=EIO", "INJECTED")
	return err
}

func (f *fsyncError) heal() (err error) {
	if f.tamper != nil {
		// The pulse writes within this time.
		f.code, err = f.life.wait(f.node.name, 20*time.Second)
		var unread, unseen error
		f.calls, unread = f.tamper.detach()
		f.out, unseen = f.tamper.untilExit()
		err = errors.Join(err, unread, unseen)
	}
	if f.node.life() == nil {
		err = errors.Join(err, f.node.start())
	}
	if err == nil && f.code != 1 {
		f.w.violate("%s exited with code %d when its disk failed, want 1", f.node.name, f.code)
	}
	return err
}

func (f *fsyncError) effect() (string, error) {
	if f.calls == 0 || f.code == 0 {
		return "", fmt.Errorf("%d calls failed, and the node exited with code %d", f.calls, f.code)
	}
	return fmt.Sprintf("%d calls failed, the node exited with code %d after %v", f.calls, f.code, f.out.Round(time.Millisecond)), nil
}

// A slow disk delays every sync by a number of milliseconds.
type slowDisk struct {
	dir     string
	nodes   []*node
	how     string
	tampers []*tamper
	calls   int
}

func newSlowDisk(w *world, v victims, s Step) fault {
	return &slowDisk{dir: w.dir, nodes: v.nodes, how: fmt.Sprintf("delay_exit=%d", s.Amount*1000)}
}

func (s *slowDisk) inject() error {
	for _, n := range s.nodes {
		t, err := attach(s.dir, n, s.how, "DELAYED")
		if err != nil {
			return err
		}
		s.tampers = append(s.tampers, t)
	}
	return nil
}

func (s *slowDisk) hasEffect() (bool, error) {
	calls := 0
	for _, t := range s.tampers {
		n, err := t.changed()
		if err != nil {
			return false, err
		}
		calls += n
	}
	return calls > 0, nil
}

func (s *slowDisk) heal() error {
	var errs []error
	for _, t := range s.tampers {
		n, err := t.detach()
		s.calls += n
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (s *slowDisk) effect() (string, error) {
	if s.calls == 0 {
		return "", errors.New("no call was delayed")
	}
	return fmt.Sprintf("%d calls were delayed", s.calls), nil
}

// A hung disk blocks every write.
type hungDisk struct {
	node    *node
	atLast  *time.Timer
	seconds float64 // how long a write has been blocked
}

// thawAtLast bounds a freeze, even if the run is killed.
const thawAtLast = 30 * time.Second

func newHungDisk(_ *world, v victims, _ Step) fault { return &hungDisk{node: v.one()} }

func (h *hungDisk) inject() error {
	h.atLast = time.AfterFunc(thawAtLast, func() { _ = h.node.disk.thaw() })
	return h.node.disk.freeze()
}

func (h *hungDisk) hasEffect() (_ bool, err error) {
	h.seconds, err = h.node.control.metric("lockd_disk_write_seconds")
	return h.seconds > 0, err
}

func (h *hungDisk) heal() error {
	h.atLast.Stop()
	return h.node.disk.thaw()
}

func (h *hungDisk) effect() (string, error) {
	if h.seconds == 0 {
		return "", errors.New("no write was blocked")
	}
	return fmt.Sprintf("a write was blocked for %.1fs", h.seconds), nil
}

// A full disk has no free block. A node whose log needs more space stops. A node whose log file still has free pages
// continues.
type fullDisk struct {
	w        *world
	node     *node
	position int
	output   string
	ended    bool
}

func newFullDisk(w *world, v victims, _ Step) fault { return &fullDisk{w: w, node: v.one()} }

// missed is the error text of a full disk.
const missed = "no space left on device"

func (f *fullDisk) inject() error {
	f.node.expectEnd()
	f.position = f.node.log.position()
	return f.node.disk.fill()
}

func (f *fullDisk) heal() error {
	// The write of the log, or of the next snapshot at the latest, fails; effect reports it.
	_ = f.w.await("a write fails on the full disk", 20*time.Second, func() error {
		if !strings.Contains(f.node.log.since(f.position), missed) {
			return errors.New("no write has failed yet")
		}
		return nil
	})
	// A node that has logged that it stops may still be running.
	freed := f.node.disk.empty()
	f.output = f.node.log.since(f.position)
	if p := f.node.life(); p != nil && !strings.Contains(f.output, "this node stops") {
		f.node.expectNoEnd()
		return freed
	} else if p != nil {
		if _, err := p.wait(f.node.name, endPatience); err != nil {
			return err
		}
	}
	f.ended = true
	return errors.Join(freed, f.node.start())
}

func (f *fullDisk) effect() (string, error) {
	if !strings.Contains(f.output, missed) {
		return "", errors.New("no write failed on the full disk")
	}
	if f.ended {
		return "no space left: the node stopped", nil
	}
	return "no space left: the node continued without a snapshot", nil
}

// A power cut loses what was not synced, and kills the process. Then power returns.
type powerCut struct {
	nodes []*node
	lost  int
}

func newPowerCut(_ *world, v victims, _ Step) fault { return &powerCut{nodes: v.nodes} }

func (p *powerCut) inject() error {
	var errs []error
	for _, n := range p.nodes {
		n.expectEnd()
		errs = append(errs, n.disk.placeCanary())
	}
	for _, n := range p.nodes {
		errs = append(errs, n.disk.cutPower())
	}
	for _, n := range p.nodes {
		errs = append(errs, n.kill())
	}
	return errors.Join(errs...)
}

func (p *powerCut) heal() error {
	var errs []error
	for _, n := range p.nodes {
		errs = append(errs, n.kill(), n.disk.remount())
		lost, err := n.disk.canaryLost()
		if lost {
			p.lost++
		}
		errs = append(errs, err, n.start())
	}
	return errors.Join(errs...)
}

func (p *powerCut) effect() (string, error) {
	if p.lost != len(p.nodes) {
		return "", fmt.Errorf("what was not synced was lost on %d of %d disks", p.lost, len(p.nodes))
	}
	return fmt.Sprintf("%d disks lost what was not synced", p.lost), nil
}
