package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/test/history/linear"
	"github.com/lockd/lockd/test/history/workload"
)

// loadPrefix is the prefix of the names that clients use.
const loadPrefix = "load."

// monotonic returns the time of the clock that all processes of the test share.
func monotonic() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic(err) // every Linux has this clock
	}
	return time.Duration(t.Nano())
}

// serveAssignment is a client process: it runs until SIGTERM, and then writes its history.
func serveAssignment(raw string, output io.Writer) error {
	var a assignment
	if err := json.Unmarshal([]byte(raw), &a); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	load := workload.New(a.config())
	go report(load, output)
	history, err := load.Run(ctx)
	if kept := keepHistory(a.History, &history); kept != nil {
		return kept
	}
	return err
}

func (a *assignment) config() workload.Config {
	return workload.Config{
		Transport: &http.Transport{MaxIdleConnsPerHost: a.Clients, IdleConnTimeout: 10 * time.Second},
		Nodes:     a.Nodes,
		Now:       func() time.Duration { return monotonic() - time.Duration(a.Origin) },
		Seed:      a.Seed,
		ID:        a.ID,
		Clients:   a.Clients,
		Watchers:  1,
		Names: slices.Concat(workload.Names(loadPrefix+"lock.", a.Locks, 1),
			workload.Names(loadPrefix+"slots.", a.Locks/4+1, 3), workload.LongNames(loadPrefix+"long.", a.Locks/20+1)),
		Prefix: loadPrefix,
		TTL:    fsm.Millis(a.TTL.Milliseconds()),
		Pause:  a.Pause,
	}
}

// report prints the progress of the clients until the process ends.
func report(load *workload.Run, to io.Writer) {
	for e := json.NewEncoder(to); ; time.Sleep(progressPause) {
		if e.Encode(progress{Ops: int64(load.Ops())}) != nil {
			return
		}
	}
}

// histories merges the histories of the crowds.
func histories(crowds []*crowd) (linear.History, error) {
	var all linear.History
	for _, c := range crowds {
		f, err := os.Open(c.history)
		if err != nil {
			return all, err
		}
		h, err := linear.Load(f)
		f.Close()
		if err != nil {
			return all, fmt.Errorf("%s: %w", c.name, err)
		}
		all = linear.Merge(all, h)
	}
	return all, nil
}
