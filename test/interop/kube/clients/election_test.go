package clients

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"github.com/lockd/lockd/test/harness/nodes"
)

// The times of the elections.
const (
	leaseDuration = 3 * time.Second // of whole seconds
	renewDeadline = 2 * time.Second
	retryPeriod   = 500 * time.Millisecond
)

// A referee observes the callbacks of the candidates for a Lease: two must never lead at the same time, and the fencing
// tokens must increase.
type referee struct {
	t         *testing.T
	namespace string
	lease     string
	tokens    bool // the server gives fencing tokens

	mu      sync.Mutex
	leading *candidate
	since   time.Time
	token   uint64
	terms   int
}

func newReferee(t *testing.T, tokens bool) *referee {
	return &referee{t: t, namespace: namespaceOf(t), lease: "election", tokens: tokens}
}

// A candidate is a process that elects, with a client of its own.
type candidate struct {
	*referee
	name   string
	client kubernetes.Interface
	cut    cut
	cancel context.CancelFunc
	ended  chan struct{}

	endCandidate context.CancelFunc // of a coordinated election
}

// run starts the elector of a candidate until its context ends or it has lost its lease.
func (c *candidate) run(edit func(*leaderelection.LeaderElectionConfig)) {
	c.t.Helper()
	config := leaderelection.LeaderElectionConfig{
		Lock: &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: c.namespace, Name: c.lease},
			Client:     c.client.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: c.name},
		},
		LeaseDuration: leaseDuration, RenewDeadline: renewDeadline, RetryPeriod: retryPeriod,
		ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(ctx context.Context) { c.started(ctx, c) },
			OnStoppedLeading: func() { c.stopped(c) },
		},
	}
	if edit != nil {
		edit(&config)
	}
	elector, err := leaderelection.NewLeaderElector(config)
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel, c.ended = cancel, make(chan struct{})
	go func() {
		defer close(c.ended)
		elector.Run(ctx)
	}()
	c.t.Cleanup(func() {
		cancel()
		<-c.ended
	})
}

// kill ends a candidate as the death of its process does: it sends nothing more.
func (c *candidate) kill() {
	c.cut.off.Store(true)
	c.cancel()
	<-c.ended
}

func (r *referee) started(ctx context.Context, c *candidate) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.leading != nil {
		r.t.Errorf("%s leads while %s does", c.name, r.leading.name)
	}
	if ctx.Err() != nil {
		return // it has stopped already
	}
	r.leading, r.since = c, time.Now()
	r.terms++
	if !r.tokens {
		return
	}
	l, err := c.client.CoordinationV1().Leases(r.namespace).Get(ctx, r.lease, metav1.GetOptions{})
	if err != nil {
		return // it may lose the lease, or be disconnected
	}
	token, err := strconv.ParseUint(tokenOf(l), 10, 64)
	if *l.Spec.HolderIdentity == c.name && (err != nil || token <= r.token) {
		r.t.Errorf("%s leads with the token %q after %d", c.name, tokenOf(l), r.token)
	}
	r.token = max(r.token, token)
}

func (r *referee) stopped(c *candidate) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.leading == c {
		r.leading = nil
	}
}

// leader waits until a candidate leads that is not the given one, and returns it and since when.
func (r *referee) leader(not *candidate) (c *candidate, since time.Time) {
	r.t.Helper()
	nodes.Eventually(r.t, "a candidate leads", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		c, since = r.leading, r.since
		return c != nil && c != not
	})
	return c, since
}

// threeCandidates starts three candidates, each with the client of another node.
func threeCandidates(r *referee, cluster *nodes.Cluster, wire string) (all []*candidate) {
	for i, n := range cluster.Nodes {
		c := &candidate{referee: r, name: fmt.Sprintf("candidate-%d", i)}
		c.client = clientset(r.t, c.cut.through(configFor(n, wire)))
		c.run(nil)
		all = append(all, c)
	}
	return all
}

func testElection(t *testing.T, cluster *nodes.Cluster, wire string) {
	r := newReferee(t, true)
	threeCandidates(r, cluster, wire)

	first, _ := r.leader(nil)
	released := time.Now()
	first.cancel()
	<-first.ended
	second, since := r.leader(first)
	t.Logf("takeover after a release: %s", since.Sub(released).Round(time.Millisecond))

	killed := time.Now()
	second.kill()
	third, since := r.leader(second)
	took := since.Sub(killed)
	t.Logf("takeover after a kill: %s", took.Round(time.Millisecond))
	// The holder renewed at most a retry period before, and candidates poll every 1 to 2.2 retry periods.
	if limit := leaseDuration + 2200*time.Millisecond; took > limit {
		t.Errorf("takeover after a kill took %s, want at most %s", took, limit)
	}

	// A leader that reaches no node stops by itself, before another one starts.
	first.run(nil)
	partitioned := time.Now()
	third.cut.off.Store(true)
	last, since := r.leader(third)
	t.Logf("takeover after a partition: %s", since.Sub(partitioned).Round(time.Millisecond))

	client := clientset(t, configFor(cluster.Nodes[0], wire))
	l := got(client.CoordinationV1().Leases(r.namespace).Get(within(t, 10*time.Second), r.lease, metav1.GetOptions{}))(t)
	if *l.Spec.HolderIdentity != last.name || *l.Spec.LeaseTransitions < 3 {
		t.Errorf("%s leads, and the Lease is %+v", last.name, l.Spec)
	}
}

// TestExpiryOfServerAgainstRuleOfClient measures how long a Lease has no leader after a kill: with lockd, which clears
// the holder of an expired Lease, and with a server that only stores Leases.
func TestExpiryOfServerAgainstRuleOfClient(t *testing.T) {
	t.Parallel()
	cluster := startThree(t)
	const trials = 4
	measure := func(name string, client func(c *candidate, i int) kubernetes.Interface, tokens bool) time.Duration {
		results := make([]time.Duration, trials)
		t.Run(name, func(t *testing.T) {
			for trial := range trials {
				t.Run(strconv.Itoa(trial), func(t *testing.T) {
					t.Parallel()
					r := newReferee(t, tokens)
					shared := client(nil, 0) // of a server that only stores
					for i := range 3 {
						c := &candidate{referee: r, name: fmt.Sprintf("candidate-%d", i)}
						if c.client = shared; c.client == nil {
							c.client = client(c, i)
						}
						c.run(func(lec *leaderelection.LeaderElectionConfig) { lec.ReleaseOnCancel = shared == nil })
					}
					first, _ := r.leader(nil)
					time.Sleep(2*retryPeriod + time.Duration(trial)*retryPeriod/trials) // the others have seen it
					killed := time.Now()
					first.kill()
					_, since := r.leader(first)
					results[trial] = since.Sub(killed)
				})
			}
		})
		sum := time.Duration(0)
		for _, d := range results {
			sum += d
		}
		t.Logf("%s: takeover after a kill, mean of %d: %s %s", name, trials, (sum / trials).Round(time.Millisecond), results)
		return sum / trials
	}
	server := measure("lockd", func(c *candidate, i int) kubernetes.Interface {
		if c == nil {
			return nil
		}
		return clientset(t, c.cut.through(configFor(cluster.Nodes[i], protobuf)))
	}, true)
	passive := measure("a server that only stores", func(c *candidate, _ int) kubernetes.Interface {
		if c == nil {
			return fake.NewClientset()
		}
		return nil
	}, false)
	if server > passive {
		t.Logf("lockd is not faster in this run")
	}
}

// TestLeaderNodeIsKilledDuringElection checks that the death of a node never gives a Lease two holders.
func TestLeaderNodeIsKilledDuringElection(t *testing.T) {
	t.Parallel()
	for _, wire := range []string{protobuf, jsonWire} {
		t.Run(wire, func(t *testing.T) {
			t.Parallel()
			cluster := startThree(t)
			r := newReferee(t, true)
			leader := cluster.Leader()
			// All candidates use the nodes that stay: the question is what the election of a new leader does to Leases.
			rest := cluster.Others(leader)
			for i := range 3 {
				c := &candidate{referee: r, name: fmt.Sprintf("candidate-%d", i)}
				c.client = clientset(t, c.cut.through(configFor(rest[i%2], wire)))
				c.run(nil)
			}
			before, began := r.leader(nil)
			leader.Kill()
			killed := time.Now()
			nodes.LeaderAmong(t, rest...)
			client := clientset(t, configFor(rest[0], wire))
			// A write that the new leader accepts: the Lease is renewed, by the same or by another candidate.
			nodes.Eventually(t, "the Lease is renewed", func() bool {
				l, err := client.CoordinationV1().Leases(r.namespace).Get(within(t, time.Second), r.lease, metav1.GetOptions{})
				return err == nil && l.Spec.RenewTime.After(killed.Add(leaseDuration)) && *l.Spec.HolderIdentity != ""
			})
			after, since := r.leader(nil)
			t.Logf("the same candidate leads: %t, since %s after the kill", after == before && since.Equal(began), max(0, since.Sub(killed)).Round(time.Millisecond))
		})
	}
}
