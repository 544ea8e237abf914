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
	"github.com/lockd/lockd/test/harness/nodes"
)

var (
	trials = flag.Int("trials", 1, "how often the nodes fall silent")
	ttl    = flag.Duration("ttl", 5*time.Second, "of the lease")
	seed   = flag.Uint64("seed", 1, "of when they do")
)

func TestMain(m *testing.M) { os.Exit(nodes.Main(m)) }

// A trial is what was measured, from when the last renewal that was acknowledged
// was sent.
type trial struct {
	died, next time.Duration
}

func TestTheCommandIsDeadBeforeTheTTLOfItsLastRenewalIsOver(t *testing.T) {
	for what, befall := range map[string]func(*ways, *os.Process){
		"all nodes fall silent": func(w *ways, _ *os.Process) { w.silence() },
		"lockd is stopped":      func(_ *ways, lockd *os.Process) { _ = lockd.Signal(unix.SIGSTOP) },
	} {
		t.Run(what, func(t *testing.T) { repeat(t, befall) })
	}
}

// repeat makes the trials, and holds each to the promise.
func repeat(t *testing.T, befall func(*ways, *os.Process)) {
	cluster := nodes.StartThree(t)
	rng := rand.New(rand.NewPCG(*seed, 0))
	for n := range *trials {
		term := cluster.Nodes[0].Get("/v1/cluster").Number("term")
		got := measure(t, cluster.Addresses(), fmt.Sprintf("job-%d", n), time.Duration(rng.Int64N(int64(*ttl))), befall)
		t.Logf("trial %d: TTL %v; the command died after %v, %v before its end; the next holder began %v after it", n, *ttl,
			got.died.Round(time.Millisecond), (*ttl - got.died).Round(time.Millisecond), (got.next - *ttl).Round(time.Millisecond))
		if now := cluster.Nodes[0].Get("/v1/cluster").Number("term"); now != term {
			t.Logf("trial %d: the term changed from %d to %d meanwhile: TTLs began anew", n, term, now)
		}
		if got.died >= *ttl || got.next <= got.died {
			t.Errorf("trial %d: %+v", n, got)
		}
	}
}

// measure lets something befall a holder, some time after its command has begun
// that cannot be asked to end, while another waits for its lease.
func measure(t *testing.T, addresses []string, name string, after time.Duration, befall func(*ways, *os.Process)) trial {
	t.Helper()
	way := newWays(t, addresses)
	pid := filepath.Join(t.TempDir(), "pid")
	holder := exec.Command(nodes.Binary(t), "lock", name, "--addr", strings.Join(way.addresses, ","), "--ttl", ttl.String(), "--",
		"sh", "-c", "trap '' TERM; echo $$ >"+pid+"; while :; do sleep 0.01; done")
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = holder.Process.Signal(unix.SIGCONT)
		_ = holder.Wait() // with the code of a loss
	}()
	died := death(t, pid)
	next := granted(t, addresses, name)
	time.Sleep(after) // somewhere between two renewals
	befall(way, holder.Process)
	result := trial{died: (<-died).Sub(way.renewed())}
	result.next = (<-next).Sub(way.renewed())
	return result
}

// death tells when the process ended whose number stands in a file.
func death(t *testing.T, path string) <-chan time.Time {
	t.Helper()
	var pid int
	nodes.Eventually(t, "the command begins", func() bool {
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

// granted tells when the next holder has the lease, which it waits for already.
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
	nodes.Eventually(t, "the next holder waits", func() bool {
		s, err := c.Get(t.Context(), name)
		return err == nil && s.QueueLength == 1
	})
	return next
}
