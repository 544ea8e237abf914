package storage

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"

	"github.com/lockd/lockd/internal/fsm"
)

// Survey is what a stopped node's data directory contains.
type Survey struct {
	Node                      string
	Term                      uint64 // the newest term that the node has seen
	LastLogTerm, LastLogIndex uint64
	Revision                  uint64     // with every entry of the log applied
	Newest                    time.Time  // wall time of the newest entry; zero: there is none
	Quarantine                fsm.Millis // the longest TTL that this node knows to have been granted
}

// ErrNoData means that a directory holds no node's data.
var ErrNoData = errors.New("it holds no node's data; pass the data directory of a stopped node")

// Look reads a stopped node's data and changes none of it.
func Look(dir string, log *slog.Logger) (Survey, error) {
	if err := checkDir(dir, log); err != nil {
		return Survey{}, err
	}
	if missing(filepath.Join(dir, identityFile)) && missing(filepath.Join(dir, boltFile)) {
		return Survey{}, fmt.Errorf("open data directory %q: %w", dir, ErrNoData)
	}
	s, err := open(Options{Dir: dir, Fail: func(error) {}, Log: log})
	if err != nil {
		return Survey{}, err
	}
	found, err := s.survey()
	return found, errors.Join(err, s.Close())
}

func (s *Store) survey() (found Survey, err error) {
	self, err := s.LoadIdentity("")
	if err != nil {
		return found, err
	}
	found.Node = self.Name
	found.Term, err = s.Stable.GetUint64([]byte("CurrentTerm"))
	if err != nil && !errors.Is(err, raftboltdb.ErrKeyNotFound) {
		return found, unusable(filepath.Join(s.dir, boltFile), err)
	}
	m, err := s.replay(&found)
	if err != nil {
		return found, err
	}
	found.Revision, found.Quarantine = m.Revision(), m.Longest()
	if m.Wall() != 0 {
		found.Newest = time.UnixMilli(m.Wall())
	}
	return found, nil
}

// replay returns the machine with the newest snapshot and all of the log applied, as
// Raft's recovery does it.
func (s *Store) replay(found *Survey) (*fsm.Machine, error) {
	m := fsm.New()
	kept, err := s.snapshots.List()
	if err != nil {
		return nil, err
	}
	if len(kept) > 0 {
		_, r, err := s.snapshots.Open(kept[0].ID)
		if err != nil {
			return nil, err
		}
		defer r.Close()
		if m, err = fsm.Restore(r); err != nil {
			return nil, err
		}
		found.LastLogTerm, found.LastLogIndex = kept[0].Term, kept[0].Index
	}
	last, err := s.Log.LastIndex()
	if err != nil {
		return nil, err
	}
	for i := found.LastLogIndex + 1; i <= last; i++ {
		var l raft.Log
		if err := s.Log.GetLog(i, &l); err != nil {
			return nil, err
		}
		found.LastLogTerm, found.LastLogIndex = l.Term, l.Index
		if l.Type != raft.LogCommand {
			continue
		}
		entry, err := fsm.DecodeEntry(l.Data)
		if err != nil {
			return nil, err
		}
		if entry.Term == l.Term {
			m.Apply(l.Term, entry)
		}
	}
	return m, nil
}
