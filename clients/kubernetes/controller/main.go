// Controller is a controller of Kubernetes' controller-runtime that runs without Kubernetes: it mirrors the files of one
// directory into another, and elects its leader through the Lease API of lockd. Start it twice and end the leader with
// kill -9: the other one takes over.
//
//	lockd server &
//	lockd kubeconfig > kubeconfig
//	KUBECONFIG=kubeconfig controller --from wanted --to mirror
//
// It writes with the fencing token of its Lease. A leader that was paused, and does not know yet that another one leads,
// cannot overwrite what that one wrote: see store.go.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metrics "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

func main() {
	var o options
	flag.StringVar(&o.from, "from", "wanted", "directory whose files are mirrored")
	flag.StringVar(&o.to, "to", "mirror", "directory to mirror them to")
	flag.StringVar(&o.metrics, "metrics", "0", "address of the metrics, such as 127.0.0.1:8080; 0 for none")
	flag.Parse()
	ctrl.SetLogger(zap.New())
	cfg, err := ctrl.GetConfig() // --kubeconfig, KUBECONFIG, in-cluster, or ~/.kube/config
	if err == nil {
		err = run(ctrl.SetupSignalHandler(), cfg, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "controller:", err)
		os.Exit(1)
	}
}

type options struct{ from, to, metrics string }

const (
	namespace = "default"
	leaseName = "mirror"
)

// run runs the controller until ctx ends, or until it no longer leads.
func run(ctx context.Context, cfg *rest.Config, o options) error {
	lock, err := newLock(cfg)
	if err != nil {
		return err
	}
	lease, renew, retry := 6*time.Second, 4*time.Second, time.Second
	manager, err := ctrl.NewManager(cfg, ctrl.Options{
		Scheme:  runtime.NewScheme(), // no type of Kubernetes is reconciled
		Metrics: metrics.Options{BindAddress: o.metrics},

		LeaderElection: true, LeaderElectionID: leaseName, LeaderElectionResourceLockInterface: lock,
		LeaderElectionReleaseOnCancel: true, LeaseDuration: &lease, RenewDeadline: &renew, RetryPeriod: &retry,
	})
	if err != nil {
		return err
	}
	names := make(chan event.TypedGenericEvent[string])
	mirror := &mirror{from: o.from, to: store{o.to}, token: lock.token}
	err = ctrl.NewControllerManagedBy(manager).Named("mirror").
		WatchesRawSource(source.Channel(names, handler.TypedEnqueueRequestsFromMapFunc(requestFor))).
		Complete(mirror)
	if err != nil {
		return err
	}
	if err := manager.Add(&scanner{dir: o.from, to: names}); err != nil {
		return err
	}
	return manager.Start(ctx)
}

// requestFor returns the request for a file.
func requestFor(_ context.Context, name string) []ctrl.Request {
	return []ctrl.Request{{NamespacedName: types.NamespacedName{Name: name}}}
}
