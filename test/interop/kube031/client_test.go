package kube031

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"github.com/lockd/lockd/test/harness/nodes"
)

// The times of the elections.
const (
	leaseDuration = 3 * time.Second
	renewDeadline = 2 * time.Second
	retryPeriod   = 500 * time.Millisecond
)

func startThree(t *testing.T) (all []*kubernetes.Clientset) {
	t.Helper()
	program := os.Getenv("LOCKD_BINARY")
	if program == "" { // built in lockd's own module, with the versions that its go.mod has
		program = filepath.Join(t.TempDir(), "lockd")
		if out, err := exec.Command("go", "build", "-C", "../../..", "-o", program, "./cmd/lockd").CombinedOutput(); err != nil {
			t.Fatalf("build lockd: %v\n%s", err, out)
		}
	}
	cluster := nodes.StartThreeWith(t, func(n *nodes.Node) { n.Program = program })
	for _, n := range cluster.Nodes {
		client, err := kubernetes.NewForConfig(&rest.Config{Host: n.URL("")})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, client)
	}
	return all
}

// A referee observes the callbacks of the candidates: two must never lead at the same time.
type referee struct {
	t       *testing.T
	mu      sync.Mutex
	leading string
	since   time.Time
	token   uint64
}

func (r *referee) leader(not string) (name string, since time.Time) {
	r.t.Helper()
	nodes.Eventually(r.t, "a candidate leads", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		name, since = r.leading, r.since
		return name != "" && name != not
	})
	return name, since
}

// run starts a candidate. The result ends it.
func (r *referee) run(client kubernetes.Interface, name string, release bool) (end func()) {
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: &resourcelock.LeaseLock{
			LeaseMeta: metav1.ObjectMeta{Namespace: "default", Name: "election"}, Client: client.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: name},
		},
		LeaseDuration: leaseDuration, RenewDeadline: renewDeadline, RetryPeriod: retryPeriod, ReleaseOnCancel: release,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(ctx context.Context) {
				r.mu.Lock()
				defer r.mu.Unlock()
				l, err := client.CoordinationV1().Leases("default").Get(ctx, "election", metav1.GetOptions{})
				if err != nil {
					r.t.Error(err)
					return
				}
				token, _ := strconv.ParseUint(l.Annotations["lockd.io/fencing-token"], 10, 64)
				if r.leading != "" || token <= r.token {
					r.t.Errorf("%s leads with the token %d; %q leads, the last token was %d", name, token, r.leading, r.token)
				}
				r.leading, r.since, r.token = name, time.Now(), token
			},
			OnStoppedLeading: func() {
				r.mu.Lock()
				defer r.mu.Unlock()
				if r.leading == name {
					r.leading = ""
				}
			},
		},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		elector.Run(ctx)
	}()
	end = func() {
		cancel()
		<-done
	}
	r.t.Cleanup(end)
	return end
}

func TestElectionAndInformer(t *testing.T) {
	clients := startThree(t)
	factory := informers.NewSharedInformerFactoryWithOptions(clients[2], 0, informers.WithNamespace("default"))
	leases := factory.Coordination().V1().Leases()
	var mu sync.Mutex
	holders := make(map[string]bool)
	_, err := leases.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{UpdateFunc: func(_, o any) {
		mu.Lock()
		defer mu.Unlock()
		if l, ok := o.(*coordinationv1.Lease); ok && l.Spec.HolderIdentity != nil {
			holders[*l.Spec.HolderIdentity] = true
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	factory.Start(t.Context().Done())
	if !cache.WaitForCacheSync(t.Context().Done(), leases.Informer().HasSynced) {
		t.Fatal("the informer did not list")
	}

	r := &referee{t: t}
	end := make(map[string]func())
	for i, client := range clients {
		name := fmt.Sprintf("candidate-%d", i)
		end[name] = r.run(client, name, i == 0)
		if i == 0 {
			r.leader("")
		}
	}
	first, since := r.leader("")
	// This client-go does not release a Lease if the end of its context interrupts a renewal.
	time.Sleep(time.Until(since.Add(retryPeriod + retryPeriod/2)))
	released := time.Now()
	end[first]()
	second, since := r.leader(first)
	took := since.Sub(released)
	t.Logf("takeover after a release: %s", took.Round(time.Millisecond))
	if took > 2*time.Second {
		t.Errorf("the takeover after a release took %s", took)
	}
	killed := time.Now()
	end[second]() // without a release
	third, since := r.leader(second)
	took = since.Sub(killed)
	t.Logf("takeover without a release: %s", took.Round(time.Millisecond))
	if limit := leaseDuration + 2200*time.Millisecond; took > limit {
		t.Errorf("the takeover took %s, want at most %s", took, limit)
	}
	nodes.Eventually(t, "the informer sees all holders and the expiry", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return holders[first] && holders[second] && holders[third] && holders[""]
	})
}
