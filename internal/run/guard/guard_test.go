//go:build linux

package guard_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lockd/lockd/internal/run/guard"
)

const watchdog = "watchdog" // as the first argument, makes this program a watchdog

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == watchdog {
		fd, _ := strconv.Atoi(os.Args[2])
		if err := guard.Watch(fd); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

const (
	long     = time.Hour // a TTL that no test reaches
	patience = 30 * time.Second
)

// A lease is a fake lease that a test renews, loses, or lets expire.
type lease struct {
	ctx      context.Context
	end      context.CancelCauseFunc
	stepDown chan struct{}

	mu       sync.Mutex
	until    time.Time
	extended chan struct{}
}

func held(remaining time.Duration) *lease {
	l := &lease{stepDown: make(chan struct{}), until: time.Now().Add(remaining), extended: make(chan struct{})}
	l.ctx, l.end = context.WithCancelCause(context.Background())
	return l
}

func (l *lease) Remaining() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx.Err() != nil {
		return 0
	}
	return time.Until(l.until)
}

func (l *lease) Extended() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.extended
}

func (l *lease) StepDownRequested() <-chan struct{} { return l.stepDown }
func (l *lease) Context() context.Context           { return l.ctx }

func (l *lease) extend(remaining time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = time.Now().Add(remaining)
	close(l.extended)
	l.extended = make(chan struct{})
}

// A run is a run of a command under guard.
type run struct {
	t       *testing.T
	dir     string
	signals chan os.Signal
	losses  []error
	done    chan struct{}
	result  guard.Result
	err     error
}

// start runs a shell script under guard. change can change the command and the options.
func start(t *testing.T, l *lease, script string, change func(*guard.Command, *guard.Options)) *run {
	t.Helper()
	r := &run{t: t, dir: t.TempDir(), signals: make(chan os.Signal, 1), done: make(chan struct{})}
	command := guard.Command{Path: "/bin/sh", Args: []string{"sh", "-c", "cd " + r.dir + "; " + script}, Env: os.Environ(),
		KillSignal: syscall.SIGTERM, KillAfter: patience}
	opts := guard.Options{Watchdog: []string{watchdog}, Signals: r.signals,
		Grace: func(error) time.Duration { return 0 }, OnLoss: func(err error, _ bool) { r.losses = append(r.losses, err) }}
	if change != nil {
		change(&command, &opts)
	}
	go func() {
		defer close(r.done)
		r.result, r.err = guard.Run(command, l, opts)
	}()
	return r
}

// wait waits until all processes of the command have ended.
func (r *run) wait() guard.Result {
	r.t.Helper()
	select {
	case <-r.done:
	case <-time.After(patience):
		r.t.Fatal("the command does not end")
	}
	if r.err != nil {
		r.t.Fatal(r.err)
	}
	return r.result
}

// file waits until the script has written a line to a file, and returns it.
func (r *run) file(name string) string {
	r.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		b, _ := os.ReadFile(filepath.Join(r.dir, name))
		if line, whole := strings.CutSuffix(string(b), "\n"); whole {
			return line
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("the script did not write %s", name)
		}
	}
}

// process waits for a process ID in a file.
func (r *run) process(name string) int {
	r.t.Helper()
	pid, err := strconv.Atoi(r.file(name))
	if err != nil {
		r.t.Fatal(err)
	}
	return pid
}

func isRunning(pid int) bool { return syscall.Kill(pid, 0) == nil }

func TestExitCodeIsTheCommandsOrThatOfItsSignal(t *testing.T) {
	for script, want := range map[string]int{"exit 0": 0, "exit 7": 7, "kill -9 $$": 137, "kill -TERM $$": 143} {
		if got := start(t, held(long), script, nil).wait(); got.Code != want || got.Lost != nil {
			t.Errorf("%s: %+v, want %d", script, got, want)
		}
	}
}

func TestStartErrorHasTheExitCodeOfShells(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("\x00"), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for path, want := range map[string]int{
		filepath.Join(dir, "none"): guard.CodeNotFound,
		write("data", 0o600):       guard.CodeNotExecutable,
		dir:                        guard.CodeNotExecutable,
		write("garbage", 0o700):    guard.CodeNotExecutable,
	} {
		r := start(t, held(long), "", func(c *guard.Command, _ *guard.Options) { c.Path, c.Args = path, []string{path} })
		<-r.done
		var refused *guard.Error
		if !errors.As(r.err, &refused) || refused.Code != want {
			t.Errorf("%s: %v, want %d", path, r.err, want)
		}
		if _, err := guard.Find(path); path != filepath.Join(dir, "garbage") && (!errors.As(err, &refused) || refused.Code != want) {
			t.Errorf("%s is found: %v, want %d", path, err, want)
		}
	}
}

func TestCommandIsTerminatedBeforeTheDeadline(t *testing.T) {
	l := held(long)
	r := start(t, l, "trap 'echo terminated >terminated; exit 3' TERM; echo ready >ready; while :; do sleep 0.01; done", nil)
	r.file("ready")
	l.extend(patience - time.Second) // less than KillAfter
	if got := r.wait(); got.Code != 3 || !errors.Is(got.Lost, guard.ErrTooLate) || r.file("terminated") != "terminated" || len(r.losses) != 1 {
		t.Errorf("%+v, losses %v", got, r.losses)
	}
}

func TestCommandThatIgnoresTheSignalIsKilledAtTheDeadline(t *testing.T) {
	l := held(long)
	r := start(t, l, "trap '' TERM; echo $$ >pid; while :; do sleep 0.01; done", nil)
	pid := r.process("pid")
	l.extend(time.Second)
	got := r.wait()
	if got.Code != 137 || got.Lost == nil || isRunning(pid) {
		t.Errorf("%+v, running: %t", got, isRunning(pid))
	}
	if left := l.Remaining(); left > 0 {
		t.Errorf("killed %v before the deadline", left)
	}
}

func TestRenewalMovesTheDeadline(t *testing.T) {
	l := held(long)
	r := start(t, l, "echo ready >ready; while ! test -e stop; do sleep 0.01; done", func(c *guard.Command, _ *guard.Options) { c.KillAfter = 0 })
	r.file("ready")
	l.extend(5 * time.Second)
	first := l.until
	l.extend(long)
	for !time.Now().After(first.Add(100 * time.Millisecond)) {
		time.Sleep(10 * time.Millisecond) // until the earlier deadline has passed
	}
	if err := os.WriteFile(filepath.Join(r.dir, "stop"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := r.wait(); got.Code != 0 || got.Lost != nil {
		t.Errorf("%+v", got)
	}
}

func TestLossKillsAllDescendantsAtOnce(t *testing.T) {
	l := held(long)
	r := start(t, l, `trap '' TERM
		setsid sh -c 'trap "" TERM; echo $$ >session; while :; do sleep 0.01; done' &
		(sh -c 'trap "" TERM; echo $$ >orphan; while :; do sleep 0.01; done' &)
		echo $$ >pid; wait`, nil)
	pids := []int{r.process("pid"), r.process("session"), r.process("orphan")}
	cause := errors.New("lost")
	l.end(cause)
	if got := r.wait(); !errors.Is(got.Lost, cause) {
		t.Errorf("%+v", got)
	}
	for i, pid := range pids {
		if isRunning(pid) {
			t.Errorf("process %d of %v is still running", i, pids)
		}
	}
}

func TestLossWithAGraceLetsTheCommandTerminate(t *testing.T) {
	l := held(long)
	r := start(t, l, "trap 'exit 4' TERM; echo ready >ready; while :; do sleep 0.01; done",
		func(_ *guard.Command, o *guard.Options) { o.Grace = func(error) time.Duration { return patience } })
	r.file("ready")
	l.end(errors.New("broken"))
	if got := r.wait(); got.Code != 4 || got.Lost == nil {
		t.Errorf("%+v", got)
	}
}

func TestLeftoverProcessesAreEndedBeforeRunReturns(t *testing.T) {
	r := start(t, held(long), "setsid sh -c 'echo $$ >left; while :; do sleep 0.01; done' & while ! test -s left; do sleep 0.01; done; exit 5", nil)
	pid := r.process("left")
	if got := r.wait(); got.Code != 5 || isRunning(pid) {
		t.Errorf("%+v, running: %t", got, isRunning(pid))
	}
}

func TestSignalsAreForwardedAndEndSignalsRecorded(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH} {
		r := start(t, held(long), fmt.Sprintf("trap 'exit 9' %d; echo ready >ready; while :; do sleep 0.01; done", s), nil)
		r.file("ready")
		r.signals <- s
		want := syscall.Signal(0)
		switch s {
		case syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM:
			want = s
		}
		if got := r.wait(); got.Code != 9 || got.EndSignal != want {
			t.Errorf("%v: %+v", s, got)
		}
	}
}

func TestForegroundKeySignalsAreNotForwarded(t *testing.T) {
	r := start(t, held(long), "trap 'echo int >int' INT; trap 'exit 9' TERM; echo ready >ready; while :; do sleep 0.01; done",
		func(c *guard.Command, _ *guard.Options) { c.Foreground = true })
	r.file("ready")
	r.signals <- syscall.SIGINT
	r.signals <- syscall.SIGTERM
	if got := r.wait(); got.Code != 9 || got.EndSignal != syscall.SIGTERM {
		t.Errorf("%+v", got)
	}
	if _, err := os.Stat(filepath.Join(r.dir, "int")); err == nil {
		t.Error("the command received an INT, which the terminal already sends")
	}
}

func TestStepDownTerminatesAndDoesNotKill(t *testing.T) {
	l := held(long)
	r := start(t, l, "trap 'echo terminated >terminated' TERM; echo ready >ready; while ! test -e stop; do sleep 0.01; done; exit 6",
		func(c *guard.Command, _ *guard.Options) { c.KillAfter = 0 })
	r.file("ready")
	close(l.stepDown)
	r.file("terminated")
	if err := os.WriteFile(filepath.Join(r.dir, "stop"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := r.wait(); got.Code != 6 || got.Lost != nil {
		t.Errorf("%+v", got)
	}
}

func TestUnguardedCommandContinuesAfterALoss(t *testing.T) {
	l := held(time.Second)
	reported := make(chan struct{})
	r := start(t, l, "echo ready >ready; while ! test -e stop; do sleep 0.01; done",
		func(_ *guard.Command, o *guard.Options) {
			o.Unguarded, o.OnLoss = true, func(error, bool) { close(reported) }
		})
	r.file("ready")
	l.end(errors.New("lost"))
	<-reported
	if err := os.WriteFile(filepath.Join(r.dir, "stop"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := r.wait(); got.Code != 0 || got.Lost == nil {
		t.Errorf("%+v", got)
	}
}

func TestDeathOfTheWatchdogKillsAllProcesses(t *testing.T) {
	r := start(t, held(long), `setsid sh -c 'trap "" TERM; echo $$ >grandchild; while :; do sleep 0.01; done' & echo $$ >pid; echo $PPID >watchdog; wait`, nil)
	pids := []int{r.process("pid"), r.process("grandchild")}
	if err := syscall.Kill(r.process("watchdog"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-r.done
	if r.err == nil {
		t.Error("a dead watchdog is not reported as an error")
	}
	for i, pid := range pids {
		if isRunning(pid) {
			t.Errorf("process %d is still running", i)
		}
	}
}

func TestCommandIsKilledWhileTheWatchdogIsStopped(t *testing.T) {
	l := held(long)
	r := start(t, l, "echo $$ >pid; echo $PPID >watchdog; while :; do sleep 0.01; done", nil)
	pid := r.process("pid")
	if err := syscall.Kill(r.process("watchdog"), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	l.end(errors.New("the local deadline passed"))
	if r.wait(); isRunning(pid) {
		t.Error("the command is still running")
	}
}

// attempts is enough to find a command that runs in only some of the attempts.
const attempts = 30

// tryRun runs mkdir under a lease, and reports whether it ran.
func tryRun(t *testing.T, l *lease, change func(*guard.Options)) (r *run, ran bool) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "ran")
	mkdir, err := guard.Find("mkdir")
	if err != nil {
		t.Fatal(err)
	}
	r = start(t, l, "", func(c *guard.Command, o *guard.Options) {
		c.Path, c.Args, c.KillAfter = mkdir, []string{"mkdir", dir}, 0
		change(o)
	})
	r.wait()
	_, err = os.Stat(dir)
	return r, err == nil
}

func TestNothingStartsUnderALeaseThatHasEnded(t *testing.T) {
	cause := errors.New("lost")
	lost := held(long)
	lost.end(cause)
	for what, tt := range map[string]struct {
		lease *lease
		want  error
	}{"run out": {held(-time.Second), guard.ErrTooLate}, "lost": {lost, cause}} {
		for _, unguarded := range []bool{false, true} {
			for range attempts {
				var continues bool
				r, ran := tryRun(t, tt.lease, func(o *guard.Options) {
					report := o.OnLoss
					o.Unguarded, o.OnLoss = unguarded, func(err error, on bool) { continues = on; report(err, on) }
				})
				if ran || !errors.Is(r.result.Lost, tt.want) || len(r.losses) != 1 || continues {
					t.Fatalf("%s: ran: %t, %+v, losses %v, continues: %t", what, ran, r.result, r.losses, continues)
				}
			}
		}
	}
}

func TestWatchdogThatStartsTooLateRunsNothing(t *testing.T) {
	for range attempts {
		r, ran := tryRun(t, held(long), func(o *guard.Options) { o.Margin = 2 * long })
		if ran || !errors.Is(r.result.Lost, guard.ErrTooLate) || len(r.losses) != 1 {
			t.Fatalf("ran: %t, %+v, losses %v", ran, r.result, r.losses)
		}
	}
}

func TestDeadlineThatHasPassedAtTheCheckIsALoss(t *testing.T) {
	l := held(3 * long)
	r := start(t, l, "echo ready >ready; while :; do sleep 0.01; done",
		func(c *guard.Command, o *guard.Options) { c.KillAfter, o.Margin = 0, long })
	r.file("ready")
	l.extend(long / 2) // the margin has already begun
	if got := r.wait(); !errors.Is(got.Lost, guard.ErrTooLate) {
		t.Errorf("%+v", got)
	}
}

func TestCommandIsDeadBeforeItsLossIsReported(t *testing.T) {
	l := held(long)
	pid, running := make(chan int, 1), make(chan bool, 1)
	r := start(t, l, "echo $$ >pid; while :; do sleep 0.01; done",
		func(_ *guard.Command, o *guard.Options) { o.OnLoss = func(error, bool) { running <- isRunning(<-pid) } })
	pid <- r.process("pid")
	l.end(errors.New("lost"))
	if r.wait(); <-running {
		t.Error("the loss was reported while the command was alive")
	}
}

func TestCommandIsTerminatedBeforeItsLossIsReported(t *testing.T) {
	l := held(long)
	terminated := make(chan struct{})
	r := start(t, l, "trap 'echo terminated >terminated; exit 4' TERM; echo ready >ready; while :; do sleep 0.01; done",
		func(_ *guard.Command, o *guard.Options) {
			o.Grace, o.OnLoss = func(error) time.Duration { return patience }, func(error, bool) { <-terminated }
		})
	r.file("ready")
	l.end(errors.New("broken"))
	r.file("terminated")
	close(terminated)
	if got := r.wait(); got.Code != 4 {
		t.Errorf("%+v", got)
	}
}

func TestSignalAtTheEndOfTheCommandIsNoFailure(t *testing.T) {
	for range attempts {
		r := start(t, held(long), "exit 7", func(_ *guard.Command, o *guard.Options) { o.Signals = flood(t) })
		if got := r.wait(); got.Code != 7 {
			t.Fatalf("%+v", got)
		}
	}
}

// flood sends signals without an effect until the test has ended.
func flood(t *testing.T) <-chan os.Signal {
	signals := make(chan os.Signal)
	go func() {
		for {
			select {
			case signals <- syscall.SIGWINCH:
			case <-t.Context().Done():
				return
			}
		}
	}()
	return signals
}

func TestArgumentsAndEnvironmentAreAnyBytes(t *testing.T) {
	r := start(t, held(long), `test "$A" = "$(printf '\377b')" && test "$0" = "$(printf 'a\376')"`,
		func(c *guard.Command, _ *guard.Options) {
			c.Env, c.Args = append(c.Env, "A=\xffb"), append(c.Args, "a\xfe")
		})
	if got := r.wait(); got.Code != 0 {
		t.Errorf("%+v", got)
	}
}

func TestSignalsHaveNames(t *testing.T) {
	for name, want := range map[string]syscall.Signal{"TERM": syscall.SIGTERM, "sigint": syscall.SIGINT, "Usr1": syscall.SIGUSR1} {
		if got, ok := guard.SignalNamed(name); !ok || got != want {
			t.Errorf("%s is %v", name, got)
		}
	}
	if _, ok := guard.SignalNamed("FOO"); ok {
		t.Error("FOO is a signal")
	}
}

func TestAllProcessesAreDeadAMarginBeforeTheDeadline(t *testing.T) {
	l := held(3 * long)
	r := start(t, l, "trap '' TERM; echo ready >ready; while :; do sleep 0.01; done", func(_ *guard.Command, o *guard.Options) { o.Margin = long })
	r.file("ready")
	l.extend(long + time.Second)
	if got := r.wait(); got.Code != 137 || !errors.Is(got.Lost, guard.ErrTooLate) || l.Remaining() <= 0 {
		t.Errorf("%+v, %v before the deadline", got, l.Remaining())
	}
}
