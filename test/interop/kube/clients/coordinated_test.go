package clients

import (
	"context"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection"

	"github.com/lockd/lockd/test/harness/nodes"
)

// coordinatedLimit is within which time lockd has the next leader after it can know that the last one has ended.
const coordinatedLimit = 2 * time.Second

// coordinate starts a candidate of an election that the server decides. Its process ends when it loses the Lease, and
// starts again, as those of Kubernetes do.
func (c *candidate) coordinate(emulation string) {
	c.t.Helper()
	lc, waiter, err := leaderelection.NewCandidate(c.client, c.namespace, c.name, c.lease, "1.37.0", emulation, coordinationv1.OldestEmulationVersion)
	must(c.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	c.t.Cleanup(cancel)
	c.endCandidate = cancel
	go lc.Run(ctx)
	waiter.WaitForCacheSync(ctx.Done())
	c.run(func(lec *leaderelection.LeaderElectionConfig) { lec.Coordinated = true })
}

func testCoordinatedElection(t *testing.T, cluster *nodes.Cluster, wire string) {
	r := newReferee(t, true)
	candidate := func(i int, name string) *candidate {
		c := &candidate{referee: r, name: name}
		c.client = clientset(t, c.cut.through(configFor(cluster.Nodes[i], wire)))
		return c
	}
	a, b := candidate(0, "a"), candidate(1, "b")

	began := time.Now()
	a.coordinate("1.36.0")
	first, since := r.leader(nil)
	if first != a {
		t.Fatalf("%s leads", first.name)
	}
	t.Logf("the first leader: %s", since.Sub(began).Round(time.Millisecond))

	began = time.Now()
	b.coordinate("1.35.0")
	better, since := r.leader(a)
	t.Logf("the better candidate leads after %s", since.Sub(began).Round(time.Millisecond))
	if better != b {
		t.Fatalf("%s leads", better.name)
	}

	<-a.ended // its elector ended when it lost the Lease: a process of Kubernetes ends then, and starts again
	a.endCandidate()
	a.coordinate("1.36.0")
	released := time.Now()
	b.endCandidate() // its process ends
	b.cancel()
	<-b.ended
	next, since := r.leader(b)
	took := since.Sub(released)
	t.Logf("takeover after a release: %s", took.Round(time.Millisecond))
	if next != a || took > coordinatedLimit {
		t.Errorf("%s leads after %s, want a in %s", next.name, took, coordinatedLimit)
	}

	b.coordinate("1.35.0") // it gets the lease again, because it is the better one
	r.leader(a)
	<-a.ended
	a.endCandidate()
	a.coordinate("1.36.0")
	time.Sleep(2 * retryPeriod)
	killed := time.Now()
	b.endCandidate()
	b.kill()
	next, since = r.leader(b)
	took = since.Sub(killed)
	t.Logf("takeover after a kill: %s", took.Round(time.Millisecond))
	if next != a || took > leaseDuration+coordinatedLimit {
		t.Errorf("%s leads after %s, want a in %s", next.name, took, leaseDuration+coordinatedLimit)
	}

	l := got(a.client.CoordinationV1().Leases(r.namespace).Get(within(t, 10*time.Second), r.lease, metav1.GetOptions{}))(t)
	if l.Spec.Strategy == nil || *l.Spec.Strategy != coordinationv1.OldestEmulationVersion || l.Spec.PreferredHolder != nil && *l.Spec.PreferredHolder == "a" {
		t.Errorf("the Lease is %+v", l.Spec)
	}
	all := got(a.client.CoordinationV1beta1().LeaseCandidates(r.namespace).List(within(t, 10*time.Second), metav1.ListOptions{}))(t)
	if len(all.Items) != 2 || all.Items[0].Spec.EmulationVersion == "" {
		t.Errorf("the candidates are %+v", all.Items)
	}
}
