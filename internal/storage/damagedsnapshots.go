package storage

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/lockd/lockd/internal/fsm"
)

const (
	// asideDir is where damaged snapshots are moved at the start.
	asideDir = "damaged-snapshots"
	// keptAside is how many of them stay there.
	keptAside = 2
)

// onDisk is a snapshot by the name of its directory.
type onDisk struct {
	name                  string
	term, index, millisec uint64
}

// list returns the finished snapshots, the newest first. It goes by the names of the
// directories: a damaged snapshot may have no readable description.
func (s *snapshots) list() ([]onDisk, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, reachable(s.dir, err)
	}
	var all []onDisk
	for _, entry := range entries {
		d := onDisk{name: entry.Name()}
		if _, err := fmt.Sscanf(d.name, "%d-%d-%d", &d.term, &d.index, &d.millisec); err == nil && entry.IsDir() &&
			d.name == fmt.Sprintf("%d-%d-%d", d.term, d.index, d.millisec) {
			all = append(all, d)
		}
	}
	slices.SortFunc(all, func(a, b onDisk) int {
		return -cmp.Or(cmp.Compare(a.term, b.term), cmp.Compare(a.index, b.index), cmp.Compare(a.millisec, b.millisec))
	})
	return all, nil
}

// verify reads a snapshot as a whole.
func (s *snapshots) verify(d onDisk) error {
	path := filepath.Join(s.dir, d.name)
	meta, r, err := s.Open(d.name)
	if err != nil {
		return unusable(path, err)
	}
	defer r.Close()
	if meta.ID != d.name || meta.Index != d.index || meta.Term != d.term {
		return damaged(path, errors.New("its description is of another snapshot"))
	}
	path = filepath.Join(path, "state.bin")
	if err := fsm.Verify(r); errors.Is(err, fsm.ErrTooNew) {
		return fmt.Errorf("%s: %w", path, err)
	} else if err != nil {
		return unusable(path, err)
	}
	return nil
}

// whole returns the index at which the newest snapshot that can be restored ends, and
// moves damaged ones that are newer aside. It returns an error if nothing replaces a
// damaged snapshot: the log must continue the older one, from first to last, as far as
// the damaged one reached, since this node has acknowledged all of that.
func (s *snapshots) whole(first, last uint64) (upTo uint64, err error) {
	all, err := s.list()
	if err != nil {
		return 0, err
	}
	var skipped []onDisk
	var why []error
	for _, d := range all {
		err := s.verify(d)
		var denied *accessError
		if errors.As(err, &denied) {
			return 0, err
		}
		if err == nil {
			upTo = d.index
			break
		}
		skipped, why = append(skipped, d), append(why, err)
	}
	for i, d := range skipped {
		if upTo >= d.index || first == 0 || first > upTo+1 || last < d.index {
			return 0, why[i]
		}
	}
	for i, d := range skipped {
		if err := s.setAside(d); err != nil {
			return 0, reachable(s.dir, err)
		}
		s.log.Error("a damaged snapshot is not used: the log continues an older state up to its end",
			"snapshot", d.name, "index", d.index, "older", upTo, "moved_to", s.aside(), "err", why[i])
	}
	return upTo, nil
}

func (s *snapshots) aside() string { return filepath.Join(filepath.Dir(s.dir), asideDir) }

// setAside moves a damaged snapshot out of Raft's sight, for a person to look at.
func (s *snapshots) setAside(d onDisk) error {
	if err := os.Mkdir(s.aside(), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	kept, err := os.ReadDir(s.aside()) // sorted by name
	if err != nil {
		return err
	}
	for len(kept) >= keptAside {
		s.log.Warn("an older damaged snapshot is removed", "snapshot", kept[0].Name())
		if err := os.RemoveAll(filepath.Join(s.aside(), kept[0].Name())); err != nil {
			return err
		}
		kept = kept[1:]
	}
	if err := os.Rename(filepath.Join(s.dir, d.name), filepath.Join(s.aside(), d.name)); err != nil {
		return err
	}
	return errors.Join(syncDir(s.dir), syncDir(s.aside()))
}
