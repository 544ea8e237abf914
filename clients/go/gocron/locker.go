package lockdgocron

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/go-co-op/gocron/v2"

	lockd "github.com/lockd/lockd/clients/go"
)

// maxDelay is the longest that the cluster keeps a lease free after a release.
const maxDelay = time.Minute

// LockerOptions say how a Locker takes leases.
type LockerOptions struct {
	Prefix  string               // of the leases' names
	Acquire lockd.AcquireOptions // a run whose lease is not acquired is skipped; without a Wait it is skipped at once

	// AtLeast keeps a lease from everybody for so long since it was acquired, up to a
	// minute after the run: schedulers whose clocks differ by less do not run a short
	// job twice.
	AtLeast time.Duration
}

// A Locker is gocron's: one lease for each job, by its name.
type Locker struct {
	client *lockd.Client
	opts   LockerOptions

	// mu guards leases: the newest of each key that is held.
	mu     sync.Mutex
	leases map[string]*lockd.Lease
}

var _ gocron.Locker = (*Locker)(nil)

// NewLocker returns a Locker.
func NewLocker(client *lockd.Client, opts LockerOptions) *Locker {
	return &Locker{client: client, opts: opts, leases: make(map[string]*lockd.Lease)}
}

// Lock takes the lease of a job, and keeps it until the job has run.
func (l *Locker) Lock(ctx context.Context, key string) (gocron.Lock, error) {
	began := time.Now()
	lease, err := l.client.Acquire(ctx, l.opts.Prefix+leaseName(key), l.opts.Acquire)
	if err != nil {
		return nil, err
	}
	lease.KeepAlive()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leases[key] = lease
	return &lock{locker: l, key: key, lease: lease, until: began.Add(l.opts.AtLeast)}, nil
}

// Lease returns the lease under which a job runs; nil where it does not.
func (l *Locker) Lease(key string) *lockd.Lease {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.leases[key]
}

type lock struct {
	locker *Locker
	key    string
	lease  *lockd.Lease
	until  time.Time
}

// Unlock gives the lease back, and others may have it when AtLeast is over.
func (k *lock) Unlock(ctx context.Context) error {
	k.locker.mu.Lock()
	if k.locker.leases[k.key] == k.lease {
		delete(k.locker.leases, k.key)
	}
	k.locker.mu.Unlock()
	return k.lease.ReleaseAfter(ctx, min(max(time.Until(k.until), 0), maxDelay))
}

const (
	maxKey = 120 // of a name's 200 characters: the rest is for a prefix and a digest
	digest = 8   // bytes
)

var (
	legal    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]*$`)
	notLegal = regexp.MustCompile(`[^A-Za-z0-9._:-]+`)
)

// leaseName makes a lease's name of a job's, which is that of its function where
// it was given none: readable, and no other job's.
func leaseName(key string) string {
	if legal.MatchString(key) && len(key) <= maxKey {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	readable := strings.Trim(notLegal.ReplaceAllString(key, "-"), "._:-")
	return "job-" + readable[:min(len(readable), maxKey)] + "-" + hex.EncodeToString(sum[:digest])
}
