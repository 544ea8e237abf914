package chaos

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func processKinds() []kind {
	one := []string{theLeader, aFollower}
	return []kind{
		{name: "kill", area: onProcess, targets: append(one, allNodes), shortest: 300 * time.Millisecond, longest: 5 * time.Second, make: newKill},
		{name: "stop", area: onProcess, targets: one, shortest: 100 * time.Millisecond, longest: 10 * time.Second, make: newStop},
		{name: "cpu", area: onProcess, needs: []capability{hasCPU}, targets: append(one, allNodes), amounts: []int{5, 20},
			shortest: time.Second, longest: 8 * time.Second, make: newStarve},
		{name: "log", area: onLog, targets: append(one, allNodes), shortest: time.Second, longest: 8 * time.Second, make: newBlockedLog},
		{name: "files", area: onProcess, needs: []capability{hasLimits}, targets: one, shortest: time.Second, longest: 5 * time.Second, make: newFewFiles},
		{name: "restart", area: onProcess, targets: one, make: newRestart},
		{name: "roll", area: onCluster, targets: []string{theCluster}, make: newRoll},
	}
}

// A kill kills processes, and starts them again.
type kill struct {
	nodes []*node
	codes []string
}

func newKill(_ *world, v victims, _ Step) fault { return &kill{nodes: v.nodes} }

func (k *kill) inject() error {
	var errs []error
	for _, n := range k.nodes {
		n.expectEnd()
		errs = append(errs, n.signal(syscall.SIGKILL))
	}
	for _, n := range k.nodes {
		if p := n.life(); p != nil {
			_, err := p.wait(n.name, 20*time.Second)
			errs = append(errs, err)
		}
		k.codes = append(k.codes, n.name+" killed")
	}
	return errors.Join(errs...)
}

func (k *kill) heal() error {
	var errs []error
	for _, n := range k.nodes {
		errs = append(errs, n.start())
	}
	return errors.Join(errs...)
}

func (k *kill) effect() (string, error) { return strings.Join(k.codes, ", "), nil }

// A stop stops a process with SIGSTOP.
type stop struct {
	node  *node
	state string
}

func newStop(_ *world, v victims, _ Step) fault { return &stop{node: v.one()} }

func (s *stop) inject() error { return s.node.signal(syscall.SIGSTOP) }

func (s *stop) heal() error {
	pid, err := s.node.pid()
	if err != nil {
		return err
	}
	s.state = processState(pid)
	return s.node.signal(syscall.SIGCONT)
}

func (s *stop) effect() (string, error) { return stopped(s.state) }

func stopped(state string) (string, error) {
	if state != "T" {
		return "", fmt.Errorf("the process was in state %q, not stopped", state)
	}
	return "the process was stopped", nil
}

// processState returns the state letter in /proc/pid/stat.
func processState(pid int) string {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, after, _ := strings.Cut(string(raw), ") ")
	return after[:1]
}

// A starve limits nodes to a few percent of a CPU.
type starve struct {
	nodes   []*node
	percent int
	groups  []*throttle
	periods int
}

func newStarve(_ *world, v victims, s Step) fault { return &starve{nodes: v.nodes, percent: s.Amount} }

func (s *starve) inject() error {
	for _, n := range s.nodes {
		pid, err := n.pid()
		if err != nil {
			return err
		}
		g, err := newThrottle(n.name)
		if err != nil {
			return err
		}
		s.groups = append(s.groups, g)
		if err := g.squeeze(pid, s.percent); err != nil {
			return err
		}
	}
	return nil
}

func (s *starve) hasEffect() (bool, error) {
	for _, g := range s.groups {
		if n, err := g.periods(); n > 0 || err != nil {
			return n > 0, err
		}
	}
	return false, nil
}

func (s *starve) heal() error {
	var errs []error
	for _, g := range s.groups {
		n, err := g.periods()
		s.periods += n
		errs = append(errs, err, g.remove())
	}
	return errors.Join(errs...)
}

func (s *starve) effect() (string, error) {
	if s.periods == 0 {
		return "", errors.New("the quota never ran out")
	}
	return fmt.Sprintf("the quota ran out in %d periods", s.periods), nil
}

// A blocked log fills the pipe of standard error by stopping its reader.
type blockedLog struct {
	nodes   []*node
	blocked []*node
	waiting []string // functions in which threads were blocked on the pipe
}

func newBlockedLog(_ *world, v victims, _ Step) fault { return &blockedLog{nodes: v.nodes} }

func (b *blockedLog) inject() error {
	for _, n := range b.nodes {
		n.log.reading.Lock()
		b.blocked = append(b.blocked, n)
		if err := n.log.stuff(); err != nil {
			return err
		}
	}
	return nil
}

func (b *blockedLog) heal() error {
	for _, n := range b.blocked {
		if pid, err := n.pid(); err == nil {
			b.waiting = append(b.waiting, waitsForPipe(pid)...)
		}
		n.log.reading.Unlock()
	}
	return nil
}

// effect checks that the pipe was full. A node need not have a thread that waits for the pipe.
func (b *blockedLog) effect() (string, error) {
	return fmt.Sprintf("%d pipes were full, %d threads waited", len(b.blocked), len(b.waiting)), nil
}

// waitsForPipe returns the functions in which threads of a process are blocked on a write to a pipe.
func waitsForPipe(pid int) (where []string) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/wchan", pid))
	for _, task := range tasks {
		if raw, err := os.ReadFile(task); err == nil && strings.Contains(string(raw), "pipe_write") {
			where = append(where, string(raw))
		}
	}
	return where
}

// A node with few files cannot open more, neither connections nor snapshots.
type fewFiles struct {
	node    *node
	pid     int
	old     unix.Rlimit
	taken   []net.Conn
	refused error
}

func newFewFiles(_ *world, v victims, _ Step) fault { return &fewFiles{node: v.one()} }

// spareFiles is the number of connections that use the remaining files.
const spareFiles = 64

func (f *fewFiles) inject() (err error) {
	if f.pid, err = f.node.pid(); err != nil {
		return err
	}
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", f.pid))
	if err != nil {
		return err
	}
	if err := unix.Prlimit(f.pid, unix.RLIMIT_NOFILE, nil, &f.old); err != nil {
		return err
	}
	if err := unix.Prlimit(f.pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(len(open)), Max: f.old.Max}, nil); err != nil {
		return err
	}
	for range spareFiles {
		conn, err := f.node.host.dial(context.Background(), "tcp", f.node.http())
		if err != nil {
			return nil // the node has no file left for the response
		}
		f.taken = append(f.taken, conn)
	}
	fresh := newControl(f.node.host, f.node.http())
	fresh.http.Timeout = time.Second
	f.refused = fresh.ready()
	return nil
}

func (f *fewFiles) heal() error {
	for _, conn := range f.taken {
		conn.Close()
	}
	if f.node.life() == nil {
		return f.node.start()
	}
	return unix.Prlimit(f.pid, unix.RLIMIT_NOFILE, &f.old, nil)
}

func (f *fewFiles) effect() (string, error) {
	if f.refused == nil {
		return "", errors.New("a new connection was served")
	}
	return fmt.Sprintf("a new connection got no response: %v", f.refused), nil
}

// probeLimits sets the limit of this process to its current value.
func probeLimits() error {
	var old unix.Rlimit
	return firstError(unix.Prlimit(os.Getpid(), unix.RLIMIT_NOFILE, nil, &old), unix.Prlimit(os.Getpid(), unix.RLIMIT_NOFILE, &old, nil))
}

// endPatience is how long a node may take to exit on SIGTERM: its guarantee, and some time for a busy machine.
const endPatience = 20 * time.Second

// A restart stops a node as an operator does, and starts it again.
type restart struct {
	node *node
	code int
}

func newRestart(_ *world, v victims, _ Step) fault { return &restart{node: v.one()} }

func (r *restart) inject() (err error) {
	r.code, err = r.node.end(syscall.SIGTERM, endPatience)
	return err
}

func (r *restart) heal() error { return r.node.start() }

func (r *restart) effect() (string, error) {
	if r.code != 0 {
		return "", fmt.Errorf("%s exited with code %d", r.node.name, r.code)
	}
	return r.node.name + " exited with code 0", nil
}

// A roll restarts all nodes, one after the other, the leader last.
type roll struct {
	w     *world
	count int
}

func newRoll(w *world, _ victims, _ Step) fault { return &roll{w: w} }

func (r *roll) inject() error {
	leader, err := r.w.awaitLeader()
	if err != nil {
		return err
	}
	for _, n := range append(without(r.w.nodes, leader), leader) {
		code, err := n.end(syscall.SIGTERM, endPatience)
		if err == nil && code != 0 {
			err = fmt.Errorf("%s exited with code %d", n.name, code)
		}
		if err := firstError(err, n.start(), r.w.await(n.name+" is ready", readyAfterStart, n.control.ready)); err != nil {
			return err
		}
		r.count++
	}
	return nil
}

func (r *roll) heal() error { return nil }

func (r *roll) effect() (string, error) { return fmt.Sprintf("%d nodes restarted", r.count), nil }

func without(nodes []*node, one *node) []*node {
	var rest []*node
	for _, n := range nodes {
		if n != one {
			rest = append(rest, n)
		}
	}
	return rest
}
