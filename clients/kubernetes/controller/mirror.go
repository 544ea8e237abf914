package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/event"
)

// mirror reconciles a file.
type mirror struct {
	from  string
	to    store
	token func(context.Context) (uint64, error)
}

// Reconcile makes the mirror of a file equal to it.
func (m *mirror) Reconcile(ctx context.Context, r ctrl.Request) (ctrl.Result, error) {
	token, err := m.token(ctx)
	if err != nil {
		return ctrl.Result{}, err
	}
	text, err := os.ReadFile(filepath.Join(m.from, r.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return ctrl.Result{}, m.to.remove(token, r.Name)
	}
	if err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{}, m.to.write(token, r.Name, text)
}

// scanner sends the name of each file of a directory that has changed. It runs on the leader only.
type scanner struct {
	dir string
	to  chan<- event.TypedGenericEvent[string]
}

// NeedLeaderElection makes the manager start the scanner when this process leads.
func (*scanner) NeedLeaderElection() bool { return true }

// Start scans until ctx ends.
func (s *scanner) Start(ctx context.Context) error {
	seen := make(map[string]time.Time)
	for tick := time.NewTicker(200 * time.Millisecond); ; {
		for _, name := range s.changed(seen) {
			select {
			case s.to <- event.TypedGenericEvent[string]{Object: name}:
			case <-ctx.Done():
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// changed returns the files that were written or removed since the last call.
func (s *scanner) changed(seen map[string]time.Time) (names []string) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil // it may be made later
	}
	now := make(map[string]bool)
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		now[e.Name()] = true
		if !seen[e.Name()].Equal(info.ModTime()) {
			seen[e.Name()] = info.ModTime()
			names = append(names, e.Name())
		}
	}
	for name := range seen {
		if !now[name] {
			delete(seen, name)
			names = append(names, name)
		}
	}
	return names
}
