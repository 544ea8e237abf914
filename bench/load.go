package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// load is one closed loop: so many workers, each with its own lease.
type load struct {
	c        *cluster
	leader   *node
	follower *node
	ctx      context.Context
}

type result struct {
	count         int
	errors        int
	took          time.Duration
	p50, p99, max time.Duration
}

func (c *cluster) measure(
	ctx context.Context, work func(*load, int) error, workers int, duration time.Duration,
) (result, error) {
	leader, err := c.leader(ctx)
	if err != nil {
		return result{}, err
	}
	l := &load{c: c, leader: leader, ctx: ctx}
	for _, n := range c.nodes {
		if n != leader {
			l.follower = n
		}
	}
	for i := range workers { // each has something to renew and to read
		if err := l.acquire(held(i), session(i), 3_600_000/60); err != nil {
			return result{}, err
		}
	}
	if _, err := l.loop(work, workers, duration/5); err != nil { // warm-up
		return result{}, err
	}
	return l.loop(work, workers, duration)
}

func (l *load) loop(work func(*load, int) error, workers int, duration time.Duration) (result, error) {
	var all sync.WaitGroup
	var mu sync.Mutex
	var times []time.Duration
	var r result
	began := time.Now()
	for i := range workers {
		all.Go(func() {
			var mine []time.Duration
			failed := 0
			for l.ctx.Err() == nil && time.Since(began) < duration {
				at := time.Now()
				if err := work(l, i); err != nil {
					failed++
					continue
				}
				mine = append(mine, time.Since(at))
			}
			mu.Lock()
			defer mu.Unlock()
			times = append(times, mine...)
			r.errors += failed
		})
	}
	all.Wait()
	r.took = time.Since(began)
	if len(times) == 0 {
		return r, fmt.Errorf("nothing was done, %d errors", r.errors)
	}
	slices.Sort(times)
	r.count = len(times)
	r.p50, r.p99, r.max = times[len(times)/2], times[len(times)*99/100], times[len(times)-1]
	return r, nil
}

func session(i int) string { return fmt.Sprintf("bench-session-%06d", i) }
func held(i int) string    { return fmt.Sprintf("bench.held.%d", i) }

func (l *load) post(n *node, path, body string) error {
	return l.c.call(l.ctx, http.MethodPost, n, path, []byte(body), nil)
}

func (l *load) acquire(name, session string, ttl int) error {
	return l.post(l.leader, "/v1/leases/"+name+"/acquire",
		fmt.Sprintf(`{"holder":"bench","session":%q,"ttl_ms":%d}`, session, ttl))
}

func (l *load) echo(int) error {
	return l.c.call(l.ctx, http.MethodGet, l.leader, "/healthz", nil, nil)
}

func (l *load) cycle(i int) error {
	name := fmt.Sprintf("bench.cycle.%d", i)
	if err := l.acquire(name, session(i), 15_000); err != nil {
		return err
	}
	return l.post(l.leader, "/v1/leases/"+name+"/release", fmt.Sprintf(`{"session":%q}`, session(i)))
}

func (l *load) renew(i int) error { return l.renewAt(l.leader, i) }

func (l *load) renewByFollower(i int) error { return l.renewAt(l.follower, i) }

func (l *load) renewAt(n *node, i int) error {
	return l.post(n, "/v1/leases/"+held(i)+"/renew", fmt.Sprintf(`{"session":%q}`, session(i)))
}

func (l *load) read(i int) error {
	return l.c.call(l.ctx, http.MethodGet, l.leader, "/v1/leases/"+held(i), nil, nil)
}
