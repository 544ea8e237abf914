package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// gaps measures how long writes pause when the leader is killed, and when it is
// told to end.
func (c *cluster) gaps(ctx context.Context, times int, out io.Writer) error {
	for _, how := range []struct {
		name   string
		signal syscall.Signal
	}{{"kill -9", syscall.SIGKILL}, {"SIGTERM", syscall.SIGTERM}} {
		var gaps []time.Duration
		for range times {
			gap, err := c.gap(ctx, how.signal)
			if err != nil {
				return fmt.Errorf("%s: %w", how.name, err)
			}
			gaps = append(gaps, gap)
		}
		slices.Sort(gaps)
		fmt.Fprintf(out, "write gap at %s of the leader: min %v, median %v, max %v of %d\n", how.name,
			gaps[0].Round(time.Millisecond), gaps[len(gaps)/2].Round(time.Millisecond),
			gaps[len(gaps)-1].Round(time.Millisecond), times)
	}
	return nil
}

// gap ends the leader under a stream of writes to a follower, and returns the
// longest time between two that were done.
func (c *cluster) gap(ctx context.Context, signal syscall.Signal) (time.Duration, error) {
	leader, err := c.leader(ctx)
	if err != nil {
		return 0, err
	}
	l := &load{c: c, leader: leader, ctx: ctx}
	for _, n := range c.nodes {
		if n != leader {
			l.leader = n // where the writes go
		}
	}
	done := make(chan struct{})
	var longest time.Duration
	go func() {
		defer close(done)
		last := time.Now()
		for end := last.Add(5 * time.Second); time.Now().Before(end); {
			if l.cycle(0) == nil {
				longest = max(longest, time.Since(last))
				last = time.Now()
			}
		}
	}()
	time.Sleep(500 * time.Millisecond)
	if err := leader.cmd.Process.Signal(signal); err != nil {
		return 0, err
	}
	_ = leader.cmd.Wait()
	<-done
	return longest, leader.start()
}

// many measures memory a lease, and how late leases expire that are all due at once.
func (c *cluster) many(ctx context.Context, leases int, out io.Writer) error {
	leader, err := c.leader(ctx)
	if err != nil {
		return err
	}
	before, err := leader.memory()
	if err != nil {
		return err
	}
	l := &load{c: c, leader: leader, ctx: ctx}
	began := time.Now()
	if err := l.create(leases, 60_000); err != nil {
		return err
	}
	took := time.Since(began)
	after, err := leader.memory()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d leases: created in %v, %d bytes each of the leader's resident memory, garbage included\n",
		leases, took.Round(time.Millisecond), (after-before)/int64(leases))
	return c.lateness(ctx, leader, out)
}

func (l *load) create(leases, ttl int) error {
	const workers = 64
	var all sync.WaitGroup
	errs := make(chan error, workers)
	for w := range workers {
		all.Go(func() {
			for i := w; i < leases; i += workers {
				if err := l.acquire(fmt.Sprintf("bench.many.%06d", i), fmt.Sprintf("bench-many-%08d", i), ttl); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	all.Wait()
	close(errs)
	return <-errs
}

// lateness waits until the leases are gone and reads what the leader counted.
func (c *cluster) lateness(ctx context.Context, leader *node, out io.Writer) error {
	for ctx.Err() == nil {
		var page struct{ Leases []any }
		if err := c.call(ctx, http.MethodGet, leader, "/v1/leases?prefix=bench.many.&limit=1", nil, &page); err != nil {
			return err
		}
		if len(page.Leases) == 0 {
			break
		}
		time.Sleep(200 * time.Millisecond)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+leader.http+"/metrics", nil)
	if err != nil {
		return err
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "expiry lateness in seconds, as the leader counted it:")
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, "lockd_expiry_lateness_seconds"); ok {
			fmt.Fprint(out, "  ", rest)
			if n, err := strconv.ParseFloat(strings.TrimSpace(rest), 64); err == nil && n == 0 {
				break
			}
		}
	}
	return nil
}
