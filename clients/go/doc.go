// Package lockd is the Go client of lockd, a distributed lock and leader-election service with an
// HTTP API.
//
// The central concept is the lease: a named right with a holder and a time limit.
//
//	c, err := lockd.New(lockd.Config{Addresses: []string{"http://10.0.0.1:7400", "http://10.0.0.2:7400"}})
//	err = c.Do(ctx, "nightly-report", lockd.AcquireOptions{Wait: time.Minute},
//		func(ctx context.Context, l *lockd.Lease) error {
//			return report(ctx, l.Token) // ctx ends when the lease is lost
//		})
//
// # Three kinds of failure
//
// An *Error is a node's response. If it is Definitive, nothing was applied. If it is also Lost, the
// caller certainly holds nothing and must stop. ErrUnavailable means that no node accepted the
// request: nothing was applied and nothing is lost. An *UnknownError means that the request may
// have taken effect: continue to work until the local deadline and repeat the request with the same
// session.
//
// # Sessions
//
// A session is a secret string that identifies one run of one client process. It proves ownership,
// makes a repeated acquire harmless, and keeps the place in a queue. A Client has one session, so
// to the cluster two acquires of one name by one Client are one hold. Within a Client they exclude
// each other, whether by Acquire, Do or Elect.
//
// # Time
//
// Requests and responses carry durations, never points in time. The local deadline of a lease is
// the time at which its request was sent, plus the duration that the node granted, minus a margin.
// It is never later than the deadline of the cluster. A holder that runs past it may no longer hold
// the lease: pass Lease.Token to the resource that the lease protects, and let the resource refuse
// lower tokens.
package lockd
