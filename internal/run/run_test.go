//go:build linux

package run_test

import (
	"bytes"
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

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/run"
	"github.com/lockd/lockd/internal/run/guard"
	"github.com/lockd/lockd/lockdtest"
)

const (
	watchdog = "watchdog" // as the first argument, makes this program a watchdog
	patience = time.Minute
)

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

// logs has one writer and several readers.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(line)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// configOf returns a configuration of the lease "job" with a line for the shell, and its log.
func configOf(t *testing.T, server *lockdtest.Server, line string) (run.Config, *logs) {
	t.Helper()
	command := guard.Command{Args: run.ShellArgs(line), KillSignal: syscall.SIGTERM}
	var err error
	if command.KillAfter, err = run.KillAfter(0, 15*time.Second); err != nil {
		t.Fatal(err)
	}
	if command.Path, err = guard.Find("sh"); err != nil {
		t.Fatal(err)
	}
	log := new(logs)
	return run.Config{
		Client: server.Client(lockd.Config{}), Name: "job", Acquire: lockd.AcquireOptions{Holder: "me"}, Command: command,
		Addresses: []string{"a:1", "b:2"}, Watchdog: []string{watchdog}, Log: log, Verbose: true,
		AttemptTimeout: patience, ReleaseTimeout: patience,
	}, log
}

func acquire(t *testing.T, server *lockdtest.Server) *lockd.Lease {
	t.Helper()
	l, err := server.Client(lockd.Config{Holder: "other"}).Acquire(t.Context(), "job", lockd.AcquireOptions{TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// until waits for a condition.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func TestLockReturnsTheCodeOfTheCommandAndReleases(t *testing.T) {
	server := lockdtest.Start(t)
	cfg, log := configOf(t, server, "exit 7")
	if got := run.Lock(t.Context(), run.LockConfig{Config: cfg}); got != (run.Result{Code: 7}) {
		t.Errorf("got %+v", got)
	}
	if !strings.Contains(log.String(), "lockd: job: acquired, with token") || !strings.Contains(log.String(), "lockd: job: released") {
		t.Errorf("log: %s", log)
	}
	acquire(t, server)
}

func TestCommandReceivesTheLeaseButNotTheSession(t *testing.T) {
	server := lockdtest.Start(t)
	t.Setenv("LOCKD_SESSION", "secret-0123456789")
	t.Setenv("LOCKD_HOLDER", "of-another-process")
	file := filepath.Join(t.TempDir(), "env")
	cfg, _ := configOf(t, server, "env >"+file+`; test "$LOCKD_FENCING_TOKEN" = {token}`)
	if got := run.Lock(t.Context(), run.LockConfig{Config: cfg}); got != (run.Result{}) {
		t.Errorf("got %+v", got)
	}
	env, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"LOCKD_ADDR=a:1,b:2", "LOCKD_HOLDER=me", "LOCKD_LOCK_NAME=job", "LOCKD_SLOT=0", "LOCKD_LEASE_TTL=15s", "LOCKD_LOCK_HELD=true"} {
		if !strings.Contains("\n"+string(env), "\n"+want+"\n") {
			t.Errorf("%s is missing", want)
		}
	}
	if strings.Contains(string(env), "secret") || strings.Contains(string(env), "of-another-process") {
		t.Errorf("the environment of this process was passed on: %s", env)
	}
}

func TestLeaseThatIsNotAcquiredHasACodeOfItsOwn(t *testing.T) {
	server := lockdtest.Start(t)
	acquire(t, server)
	for _, quiet := range []bool{false, true} {
		cfg, _ := configOf(t, server, "exit 7")
		cfg.Quiet = quiet
		got := run.Lock(t.Context(), run.LockConfig{Config: cfg, NoWait: true, NotAcquiredCode: 3})
		if got.Code != 3 || (got.Err == nil) != quiet || !quiet && !errors.Is(got.Err, lockd.ErrNotAcquired) {
			t.Errorf("quiet %t: got %+v", quiet, got)
		}
	}
}

func TestEndOfTheContextEndsTheWait(t *testing.T) {
	server := lockdtest.Start(t)
	acquire(t, server)
	for what, start := range map[string]func(context.Context, run.Config) run.Result{
		"lock": func(ctx context.Context, cfg run.Config) run.Result {
			return run.Lock(ctx, run.LockConfig{Config: cfg})
		},
		"elect": func(ctx context.Context, cfg run.Config) run.Result {
			return run.Elect(ctx, run.ElectConfig{Config: cfg})
		},
	} {
		cfg, log := configOf(t, server, "exit 7")
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan run.Result, 1)
		go func() { result <- start(ctx, cfg) }()
		until(t, "the wait", func() bool { return strings.Contains(log.String(), "waiting for other") })
		cancel()
		if got := <-result; got.Code != guard.CodeFailed || !errors.Is(got.Err, context.Canceled) {
			t.Errorf("%s: got %+v", what, got)
		}
	}
}

func TestSignalEndsTheWait(t *testing.T) {
	server := lockdtest.Start(t)
	acquire(t, server)
	for _, hangup := range []bool{false, true} {
		cfg, log := configOf(t, server, "exit 7")
		signals := make(chan os.Signal)
		cfg.Signals, cfg.HangupEndsWait = signals, hangup
		result := make(chan run.Result, 1)
		go func() { result <- run.Lock(t.Context(), run.LockConfig{Config: cfg}) }()
		until(t, "the wait", func() bool { return strings.Contains(log.String(), "waiting for other") })
		signals <- syscall.SIGUSR1 // for a command, which does not run yet
		signals <- syscall.SIGHUP
		want := 129
		if !hangup {
			signals <- syscall.SIGTERM
			want = 143
		}
		if got := <-result; got != (run.Result{Code: want}) {
			t.Errorf("hangup %t: got %+v", hangup, got)
		}
	}
}

func TestLossHasItsOwnCodeWhateverTheCommandReturns(t *testing.T) {
	server := lockdtest.Start(t)
	dir := t.TempDir()
	cfg, log := configOf(t, server, "cd "+dir+"; touch started; until test -e go; do sleep 0.01; done; exit 7")
	cfg.Acquire.TTL = time.Hour // no renewal notices the loss before the release
	result := make(chan run.Result, 1)
	go func() { result <- run.Lock(t.Context(), run.LockConfig{Config: cfg}) }()
	until(t, "the command to start", func() bool {
		_, err := os.Stat(filepath.Join(dir, "started"))
		return err == nil
	})
	client := server.Client(lockd.Config{})
	state, err := client.Get(t.Context(), "job")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Break(t.Context(), "job", lockd.BreakOptions{Token: state.Token, Reason: "test", Grace: new(time.Duration)}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := <-result; got != (run.Result{Code: run.CodeLost}) || !strings.Contains(log.String(), "the lease is lost") {
		t.Errorf("got %+v: %s", got, log)
	}
}

func TestOnGainThatFailsEndsTheElection(t *testing.T) {
	server := lockdtest.Start(t)
	file := filepath.Join(t.TempDir(), "env")
	cfg, log := configOf(t, server, "exit 7")
	got := run.Elect(t.Context(), run.ElectConfig{Config: cfg, OnGain: "exit 9", OnLose: "env >" + file, OnLoseTimeout: patience})
	if got != (run.Result{Code: 9}) || !strings.Contains(log.String(), "on-gain ended with 9: the command is not run") {
		t.Errorf("got %+v: %s", got, log)
	}
	if env, err := os.ReadFile(file); err != nil || !strings.Contains(string(env), "LOCKD_LOCK_HELD=false\n") {
		t.Errorf("on-lose: %v: %s", err, env)
	}
}

func TestCommandThatCannotBeRunHasTheCodeOfShells(t *testing.T) {
	server := lockdtest.Start(t)
	_, err := guard.Find("no-such-program")
	if got := run.Failed(err); got.Code != guard.CodeNotFound || got.Err == nil {
		t.Errorf("got %+v", got)
	}
	cfg, _ := configOf(t, server, "")
	cfg.Command.Path = os.DevNull
	if got := run.Lock(t.Context(), run.LockConfig{Config: cfg}); got.Code != guard.CodeNotExecutable || got.Err == nil {
		t.Errorf("got %+v", got)
	}
	acquire(t, server) // it was released
}

func TestKillAfterLeavesTimeForARenewal(t *testing.T) {
	for _, tt := range []struct{ chosen, ttl, want time.Duration }{
		{0, 12 * time.Second, 3 * time.Second},
		{0, time.Hour, 5 * time.Second},
		{4 * time.Second, 12 * time.Second, 4 * time.Second},
	} {
		if got, err := run.KillAfter(tt.chosen, tt.ttl); got != tt.want || err != nil {
			t.Errorf("chosen %v of a TTL of %v: %v, %v", tt.chosen, tt.ttl, got, err)
		}
	}
	if got, err := run.KillAfter(4*time.Second+1, 12*time.Second); err == nil {
		t.Errorf("more than a third of the TTL: %v", got)
	}
}

func TestCodeOfAnErrorOfTheClient(t *testing.T) {
	for _, tt := range []struct {
		err  error
		code int
		ok   bool
	}{
		{nil, 0, false},
		{errors.New("any"), 0, false},
		{context.Canceled, 0, false},
		{fmt.Errorf("acquire: %w", context.DeadlineExceeded), run.CodeUnreachable, true},
		{lockd.ErrUnavailable, run.CodeUnreachable, true},
		{lockd.ErrNotAcquired, run.CodeNotAcquired, true},
		{lockd.ErrLost, run.CodeLost, true},
		{&lockd.Error{Type: lockd.TypeInvalid}, run.CodeInvalid, true},
		{&lockd.Error{Type: lockd.TypeQueueFull}, run.CodeNotAcquired, true},
	} {
		if code, ok := run.CodeOf(tt.err); code != tt.code || ok != tt.ok {
			t.Errorf("%v: %d, %t", tt.err, code, ok)
		}
	}
}
