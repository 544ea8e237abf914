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

// maxDelay is the longest delay after a release that the cluster accepts.
const maxDelay = time.Minute

// LockerOptions configure a Locker.
type LockerOptions struct {
	Prefix  string               // prefix of the lease names
	Acquire lockd.AcquireOptions // a run without a lease is skipped; without a Wait it is skipped at once

	// AtLeast keeps the lease from other schedulers for at least this long after it was acquired,
	// but for at most a minute after the run. So schedulers whose clocks differ by less do not run
	// a short job twice.
	AtLeast time.Duration
}

// A Locker implements gocron.Locker: it has one lease for each job, by the name of the job.
type Locker struct {
	client *lockd.Client
	opts   LockerOptions

	// mu guards leases: the newest held lease of each key.
	mu     sync.Mutex
	leases map[string]*lockd.Lease
}

var _ gocron.Locker = (*Locker)(nil)

// NewLocker returns a Locker.
func NewLocker(client *lockd.Client, opts LockerOptions) *Locker {
	return &Locker{client: client, opts: opts, leases: make(map[string]*lockd.Lease)}
}

// Lock acquires the lease of a job, and keeps it until the job has run.
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

// Lease returns the lease under which a job runs; nil if the job does not run here.
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

// Unlock releases the lease. Other schedulers can acquire it when AtLeast is over.
func (k *lock) Unlock(ctx context.Context) error {
	k.locker.mu.Lock()
	if k.locker.leases[k.key] == k.lease {
		delete(k.locker.leases, k.key)
	}
	k.locker.mu.Unlock()
	return k.lease.ReleaseAfter(ctx, min(max(time.Until(k.until), 0), maxDelay))
}

const (
	maxKey = 120 // of 200 characters; the rest is for a prefix and a digest
	digest = 8   // bytes
)

var (
	legal    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]*$`)
	notLegal = regexp.MustCompile(`[^A-Za-z0-9._:-]+`)
)

// leaseName returns the lease name of a job. A job without a name has the name of its function,
// which may not be a valid lease name. The result is readable and unique for the job.
func leaseName(key string) string {
	if legal.MatchString(key) && len(key) <= maxKey {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	readable := strings.Trim(notLegal.ReplaceAllString(key, "-"), "._:-")
	return "job-" + readable[:min(len(readable), maxKey)] + "-" + hex.EncodeToString(sum[:digest])
}
