//go:build linux

package guarded

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/lockdtest"
	"github.com/lockd/lockd/test/harness/nodes"
)

var (
	trials = flag.Int("trials", 1, "number of trials of each failure")
	ttl    = flag.Duration("ttl", 5*time.Second, "TTL of the lease")
	seed   = flag.Uint64("seed", 1, "seed of the times of the failures")
)

func TestMain(m *testing.M) { os.Exit(nodes.Main(m)) }

// A result is what a trial measured, counted from when the last acknowledged renewal was sent.
type result struct {
	died, next time.Duration
}

// A failure happens to the links of a holder or to its lockd process.
type failure func(links, *os.Process)

func TestCommandIsDeadBeforeTheTTLOfTheLastRenewalHasPassed(t *testing.T) {
	for name, fail := range map[string]failure{
		"all nodes are unreachable": func(l links, _ *os.Process) { l.silence() },
		"lockd is stopped":          func(_ links, lockd *os.Process) { _ = lockd.Signal(unix.SIGSTOP) },
	} {
		t.Run(name, func(t *testing.T) { runTrials(t, fail) })
	}
}

// runTrials runs the trials of one failure and checks each result.
func runTrials(t *testing.T, fail failure) {
	cluster := nodes.StartThree(t)
	rng := rand.New(rand.NewPCG(*seed, 0))
	for n := range *trials {
		term := cluster.Nodes[0].Get("/v1/cluster").Number("term")
		got := measure(t, cluster.Addresses(), fmt.Sprintf("job-%d", n), time.Duration(rng.Int64N(int64(*ttl))), fail)
		t.Logf("trial %d: TTL %v; the command died after %v, %v before the end of the TTL; the next holder started %v after it", n, *ttl,
			got.died.Round(time.Millisecond), (*ttl - got.died).Round(time.Millisecond), (got.next - *ttl).Round(time.Millisecond))
		if now := cluster.Nodes[0].Get("/v1/cluster").Number("term"); now != term {
			t.Logf("trial %d: the term changed from %d to %d during the trial, so all TTLs started again", n, term, now)
		}
		if got.died >= *ttl || got.next <= got.died {
			t.Errorf("trial %d: died %v, next %v; want died < TTL %v and died < next", n, got.died, got.next, *ttl)
		}
	}
}

// measure starts a holder whose command ignores SIGTERM, and a waiter for its lease. It applies the failure after a
// delay.
func measure(t *testing.T, addresses []string, name string, delay time.Duration, fail failure) result {
	t.Helper()
	l := newLinks(t, addresses)
	pid := filepath.Join(t.TempDir(), "pid")
	holder := exec.Command(nodes.Binary(t), "lock", name, "--addr", strings.Join(l.addresses(), ","), "--ttl", ttl.String(), "--",
		"sh", "-c", "trap '' TERM; echo $$ >"+pid+"; while :; do sleep 0.01; done")
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = holder.Process.Signal(unix.SIGCONT)
		_ = holder.Wait() // the exit code of a lost lease
	}()
	died := death(t, pid)
	next := granted(t, addresses, name)
	time.Sleep(delay) // to a random point between two renewals
	fail(l, holder.Process)
	end := <-died
	renewed := l.answered()
	return result{died: end.Sub(renewed), next: (<-next).Sub(renewed)}
}

// death sends the time when the process ends whose ID is in the file at path.
func death(t *testing.T, path string) <-chan time.Time {
	t.Helper()
	var pid int
	nodes.Eventually(t, "the command starts", func() bool {
		b, _ := os.ReadFile(path)
		line, whole := strings.CutSuffix(string(b), "\n")
		pid, _ = strconv.Atoi(line)
		return whole
	})
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	died := make(chan time.Time, 1)
	go func() {
		defer unix.Close(fd)
		for {
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
			if n == 1 || err != nil && err != unix.EINTR {
				died <- time.Now()
				return
			}
		}
	}()
	return died
}

// granted starts a waiter. It sends the time when the waiter gets the lease.
func granted(t *testing.T, addresses []string, name string) <-chan time.Time {
	t.Helper()
	c, err := lockd.New(lockd.Config{Addresses: addresses, Holder: "next"})
	if err != nil {
		t.Fatal(err)
	}
	next := make(chan time.Time, 1)
	go func() {
		defer close(next)
		if _, err := c.Acquire(t.Context(), name, lockd.AcquireOptions{Wait: lockd.Forever}); err != nil {
			t.Error(err)
			return
		}
		next <- time.Now()
	}()
	nodes.Eventually(t, "the next holder is in the queue", func() bool {
		s, err := c.Get(t.Context(), name)
		return err == nil && s.QueueLength == 1
	})
	return next
}

// links are the holder's links, one to each node.
type links []*lockdtest.Link

func newLinks(t *testing.T, addresses []string) (l links) {
	for _, address := range addresses {
		l = append(l, lockdtest.NewLink(t, address))
	}
	return l
}

func (l links) addresses() (all []string) {
	for _, link := range l {
		all = append(all, link.Address)
	}
	return all
}

func (l links) silence() {
	for _, link := range l {
		link.Silence()
	}
}

// answered returns when the last request was sent that the holder got a response to. The holder sends only acquires
// and renewals.
func (l links) answered() (last time.Time) {
	for _, link := range l {
		if at := link.Answered(); at.After(last) {
			last = at
		}
	}
	return last
}
