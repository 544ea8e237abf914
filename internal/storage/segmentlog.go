package storage

import (
	"encoding/binary"
	"errors"
	"path/filepath"

	raftboltdb "github.com/hashicorp/raft-boltdb/v2"

	"github.com/lockd/lockd/internal/storage/segments"
)

const (
	segmentsDir = "log"
	// newestSegmentKey is the value of the stable store that has the number of the newest
	// segment which was begun.
	newestSegmentKey = "lockd.NewestSegment"
)

// openSegments opens the log in segments. The directory need not be there if no segment was begun.
func openSegments(dir string, stable *checkedStable) (*segments.Log, error) {
	dir = filepath.Join(dir, segmentsDir)
	newest, err := stable.GetUint64([]byte(newestSegmentKey))
	if err != nil && !errors.Is(err, raftboltdb.ErrKeyNotFound) {
		return nil, unusable(filepath.Join(filepath.Dir(dir), boltFile), err)
	}
	log, err := segments.Open(segments.Config{Dir: dir, Least: newest, Begin: func(segment uint64) error {
		return stable.put([]byte(newestSegmentKey), binary.BigEndian.AppendUint64(nil, segment))
	}})
	if err != nil {
		return nil, unusable(dir, err)
	}
	return log, nil
}
