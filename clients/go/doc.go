// Package lockd is the Go client of lockd, a distributed lock and
// leader-election service with an HTTP interface.
//
// There is one noun, the lease: a named, time-bounded right with a holder.
//
//	c, err := lockd.New(lockd.Config{Addresses: []string{"http://10.0.0.1:7400", "http://10.0.0.2:7400"}})
//	err = c.Do(ctx, "nightly-report", lockd.AcquireOptions{Wait: time.Minute},
//		func(ctx context.Context, l *lockd.Lease) error {
//			return report(ctx, l.Token) // ctx ends when the lease is lost
//		})
//
// # Three kinds of failure
//
// An *Error is a node's answer. Where it is Definitive nothing was applied;
// where it is Lost, too, the caller certainly holds nothing and must stop.
// ErrUnavailable says that no node took the request: nothing was applied and
// nothing is lost. An *UnknownError says that the request may have taken effect:
// keep working until the local deadline and repeat it with the same session.
//
// # Sessions
//
// A session is a secret string, one life of one client process. It proves
// ownership, makes a repeated acquire harmless and keeps the place in a queue.
// A Client has one, and so two acquires of one name by one Client would be one
// hold: within a Client they take turns instead, whether by Acquire, Do or Elect.
//
// # Time
//
// Requests and answers carry durations, never instants. A lease's local deadline
// is the time its request was sent plus what the node promised less a margin; it
// is never later than the cluster's. Past it a holder may be a zombie: give
// Lease.Token to what the lease protects, and let that refuse a lower one.
package lockd
