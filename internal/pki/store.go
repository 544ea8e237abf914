package pki

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// pollEvery is how often a Store looks for changed files.
const pollEvery = 10 * time.Second

// Config are the settings of a Store.
type Config struct {
	Dir    string
	Logger *slog.Logger
	Now    func() time.Time // default time.Now
}

// A Store has the current Material of a TLS directory, and takes over what changes there. If
// a changed directory cannot be loaded, the last good Material stays.
type Store struct {
	dir     string
	log     *slog.Logger
	now     func() time.Time
	current atomic.Pointer[Material]

	mu    sync.Mutex // guards stamp
	stamp string
}

// Open loads the directory.
func Open(c Config) (*Store, error) {
	s := &Store{dir: c.Dir, log: c.Logger, now: c.Now}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if err := s.Reload(); err != nil {
		return nil, err
	}
	return s, nil
}

// Current returns what was loaded last.
func (s *Store) Current() *Material { return s.current.Load() }

// Reload loads the directory if one of its files has changed.
func (s *Store) Reload() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen, err := stamp(s.dir)
	if err != nil || seen == s.stamp {
		return err
	}
	m, err := Load(s.dir, s.now())
	if err != nil {
		return err
	}
	if before := s.current.Load(); before != nil && before.Identity != m.Identity {
		return fmt.Errorf("%s is now for %s, and this node started as %s: a running node does not change its name",
			filepath.Join(s.dir, NodeFile), m.Identity, before.Identity)
	}
	if before := s.current.Swap(m); before != nil {
		s.log.Info("certificates reloaded", "dir", s.dir, "identity", m.Identity.String(), "expires", m.Expiry[NodeFile])
	}
	s.stamp = seen
	return nil
}

// Remaining returns how long the first certificate of a file is still valid.
func (s *Store) Remaining(file string) time.Duration { return s.Current().Expiry[file].Sub(s.now()) }

// ReloadAndLog is Reload for a running node: it logs the error.
func (s *Store) ReloadAndLog() {
	if err := s.Reload(); err != nil {
		s.log.Error("certificates not reloaded: the last good ones stay in use", "dir", s.dir, "err", err)
	}
}

// Run reloads the directory every 10 s until ctx ends.
func (s *Store) Run(ctx context.Context) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.ReloadAndLog()
		}
	}
}
