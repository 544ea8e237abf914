package main

import (
	"context"
	"fmt"
	"os"
	"strconv"

	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	coordination "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// lock is the Lease of the election. It knows the fencing token of this process.
type lock struct {
	*resourcelock.LeaseLock
}

func newLock(cfg *rest.Config) (*lock, error) {
	client, err := coordination.NewForConfig(cfg)
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	return &lock{&resourcelock.LeaseLock{
		LeaseMeta: meta.ObjectMeta{Namespace: namespace, Name: leaseName}, Client: client,
		LockConfig: resourcelock.ResourceLockConfig{Identity: host + "_" + string(uuid.NewUUID())},
	}}, nil
}

// token returns the fencing token of this process, or an error if it does not lead.
func (l *lock) token(ctx context.Context) (uint64, error) {
	lease, err := l.Client.Leases(namespace).Get(ctx, leaseName, meta.GetOptions{})
	if err != nil {
		return 0, err
	}
	if holder := lease.Spec.HolderIdentity; holder == nil || *holder != l.Identity() {
		return 0, fmt.Errorf("%s does not hold the Lease", l.Identity())
	}
	return strconv.ParseUint(lease.Annotations["lockd.io/fencing-token"], 10, 64)
}
