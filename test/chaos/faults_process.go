package chaos

import (
	"errors"
	"fmt"
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
		{name: "log", area: onProcess, targets: one, shortest: time.Second, longest: 8 * time.Second, make: newBlockedLog},
		{name: "files", area: onProcess, needs: []capability{hasLimits}, targets: one, shortest: time.Second, longest: 5 * time.Second, make: newFewFiles},
		{name: "restart", area: onProcess, targets: one, make: newRestart},
		{name: "roll", area: onCluster, targets: []string{theCluster}, make: newRoll},
	}
}

// A kill ends processes at once, and starts them again.
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

func (k *kill) bitten() (string, error) { return strings.Join(k.codes, ", "), nil }

// A stop lets a process stand still.
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

func (s *stop) bitten() (string, error) { return stopped(s.state) }

func stopped(state string) (string, error) {
	if state != "T" {
		return "", fmt.Errorf("the process was in state %q, not stopped", state)
	}
	return "the process stood still", nil
}

// processState returns the letter of /proc/pid/stat.
func processState(pid int) string {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, after, _ := strings.Cut(string(raw), ") ")
	return after[:1]
}

// A starve leaves nodes a few percent of a CPU.
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

func (s *starve) heal() error {
	var errs []error
	for _, g := range s.groups {
		n, err := g.periods()
		s.periods += n
		errs = append(errs, err, g.remove())
	}
	return errors.Join(errs...)
}

func (s *starve) bitten() (string, error) {
	if s.periods == 0 {
		return "", errors.New("the quota never ran out")
	}
	return fmt.Sprintf("the quota ran out in %d periods", s.periods), nil
}

// A blocked log is a reader of standard error that does not read: the pipe is full.
type blockedLog struct {
	w    *world
	node *node
	hung string // the thread that was seen to wait for the pipe
	held bool
	end  chan struct{}
}

func newBlockedLog(w *world, v victims, _ Step) fault { return &blockedLog{w: w, node: v.one()} }

func (b *blockedLog) inject() error {
	l := b.node.log
	// The reader may be in a read: what it gets is what wakes it, and it stops before the next.
	b.held = true
	l.reading.Lock()
	full, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", l.pipe.Fd()), os.O_WRONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer full.Close()
	line := []byte(strings.Repeat("filled by a fault\n", 200))
	for size := len(line); size > 0; {
		if _, err := unix.Write(int(full.Fd()), line[:size]); err == nil {
			time.Sleep(time.Millisecond) // the reader may take one more
		} else if errors.Is(err, unix.EAGAIN) {
			size /= 2
		} else {
			return err
		}
	}
	return nil
}

func (b *blockedLog) heal() error {
	if pid, err := b.node.pid(); err == nil {
		b.hung = waitsForPipe(pid)
	}
	if b.held {
		b.node.log.reading.Unlock()
	}
	return nil
}

func (b *blockedLog) bitten() (string, error) {
	if b.hung == "" {
		return "the pipe was full; no line waited", nil
	}
	return "a thread waited in " + b.hung, nil
}

// waitsForPipe returns where a thread of a process waits to write to a pipe.
func waitsForPipe(pid int) string {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/wchan", pid))
	for _, task := range tasks {
		if raw, err := os.ReadFile(task); err == nil && strings.Contains(string(raw), "pipe_write") {
			return string(raw)
		}
	}
	return ""
}

// A node with few files can open no more: neither connections nor snapshots.
type fewFiles struct {
	node     *node
	pid      int
	old      unix.Rlimit
	position int
	said     string
	refused  error
}

func newFewFiles(_ *world, v victims, _ Step) fault { return &fewFiles{node: v.one()} }

func (f *fewFiles) inject() (err error) {
	if f.pid, err = f.node.pid(); err != nil {
		return err
	}
	f.position = f.node.log.position()
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", f.pid))
	if err != nil {
		return err
	}
	if err := unix.Prlimit(f.pid, unix.RLIMIT_NOFILE, nil, &f.old); err != nil {
		return err
	}
	// A snapshot that fails for want of a file is no reason to stop a node.
	return unix.Prlimit(f.pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(len(open)), Max: f.old.Max}, nil)
}

func (f *fewFiles) heal() error {
	fresh := newControl(f.node.host, f.node.http())
	fresh.http.Timeout = time.Second
	f.refused = fresh.ready()
	f.said = f.node.log.since(f.position)
	if f.node.life() == nil {
		return f.node.start()
	}
	return unix.Prlimit(f.pid, unix.RLIMIT_NOFILE, &f.old, nil)
}

func (f *fewFiles) bitten() (string, error) {
	switch {
	case strings.Contains(f.said, "too many open files"):
		return "the log says: too many open files", nil
	case f.refused != nil:
		return "a new connection got: " + f.refused.Error(), nil
	}
	return "", errors.New("a new connection was served")
}

// probeLimits sets this process's limit to what it is.
func probeLimits() error {
	var old unix.Rlimit
	return firstError(unix.Prlimit(os.Getpid(), unix.RLIMIT_NOFILE, nil, &old), unix.Prlimit(os.Getpid(), unix.RLIMIT_NOFILE, &old, nil))
}

// endPatience is how long a node may take to end on SIGTERM: what it promises, and
// something for a busy machine.
const endPatience = 20 * time.Second

// A restart ends a node as an operator does, and starts it again.
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

func (r *restart) bitten() (string, error) {
	if r.code != 0 {
		return "", fmt.Errorf("%s ended with code %d", r.node.name, r.code)
	}
	return r.node.name + " ended with code 0", nil
}

// A roll restarts all nodes, one after another, the leader last.
type roll struct {
	w     *world
	count int
}

func newRoll(w *world, _ victims, _ Step) fault { return &roll{w: w} }

func (r *roll) inject() error {
	leader, err := r.w.leader()
	if err != nil {
		return err
	}
	for _, n := range append(without(r.w.nodes, leader), leader) {
		code, err := n.end(syscall.SIGTERM, endPatience)
		if err == nil && code != 0 {
			err = fmt.Errorf("%s ended with code %d", n.name, code)
		}
		if err := firstError(err, n.start(), r.w.await(n.name+" is ready", readyAfterStart, n.control.ready)); err != nil {
			return err
		}
		r.count++
	}
	return nil
}

func (r *roll) heal() error { return nil }

func (r *roll) bitten() (string, error) { return fmt.Sprintf("%d nodes restarted", r.count), nil }

func without(nodes []*node, one *node) []*node {
	var rest []*node
	for _, n := range nodes {
		if n != one {
			rest = append(rest, n)
		}
	}
	return rest
}
