package clients

import (
	"context"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/lockd/lockd/test/harness/nodes"
)

// testManagers checks two managers of controller-runtime with leader election, of which one ends. Each has a controller
// of Leases, which runs in the leader only.
func testManagers(t *testing.T, cluster *nodes.Cluster, wire string) {
	ns := namespaceOf(t)
	type process struct {
		manager.Manager
		cancel     context.CancelFunc
		ended      chan error
		reconciled chan string
	}
	start := func(i int) *process {
		options := ctrl.Options{
			LeaderElection: true, LeaderElectionID: "manager", LeaderElectionNamespace: ns, LeaderElectionReleaseOnCancel: true,
			LeaseDuration: ptr.To(leaseDuration), RenewDeadline: ptr.To(renewDeadline), RetryPeriod: ptr.To(retryPeriod),
			Metrics:    server.Options{BindAddress: "0"},
			Controller: config.Controller{SkipNameValidation: ptr.To(true)},
		}
		options.Cache.DefaultNamespaces = map[string]cache.Config{ns: {}}
		p := &process{ended: make(chan error, 1), reconciled: make(chan string, 100)}
		p.Manager = got(ctrl.NewManager(configFor(cluster.Nodes[i], wire), options))(t)
		must(t, ctrl.NewControllerManagedBy(p).For(&coordinationv1.Lease{}).Complete(reconcile.Func(
			func(ctx context.Context, r reconcile.Request) (reconcile.Result, error) {
				var l coordinationv1.Lease
				if err := p.GetClient().Get(ctx, r.NamespacedName, &l); err != nil {
					return reconcile.Result{}, client.IgnoreNotFound(err)
				}
				select {
				case p.reconciled <- r.Name:
				default: // the test does not read any more
				}
				return reconcile.Result{}, nil
			})))
		ctx, cancel := context.WithCancel(context.Background())
		p.cancel = cancel
		go func() { p.ended <- p.Start(ctx) }()
		t.Cleanup(cancel)
		return p
	}
	first := start(0)
	closed(t, first.Elected(), "the first manager is elected")
	second := start(1)
	got(clientset(t, configFor(cluster.Nodes[2], wire)).CoordinationV1().Leases(ns).
		Create(within(t, 10*time.Second), leaseOf("work", "", nil), metav1.CreateOptions{}))(t)
	nodes.Eventually(t, "the first manager reconciles", func() bool { return <-first.reconciled == "work" })
	select {
	case <-second.Elected():
		t.Error("both managers are elected")
	default:
	}
	stopped := time.Now()
	first.cancel()
	closed(t, second.Elected(), "the second manager is elected")
	t.Logf("takeover after a release: %s", time.Since(stopped).Round(time.Millisecond))
	nodes.Eventually(t, "the second manager reconciles", func() bool { return <-second.reconciled == "work" })
	must(t, <-first.ended)
	second.cancel()
	must(t, <-second.ended)
}

// closed fails the test if a channel is not closed in time.
func closed(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(nodes.Patience):
		t.Fatalf("timed out waiting until %s", what)
	}
}
