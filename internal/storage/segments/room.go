package segments

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
)

// room makes the log ready for a record: the newest segment has room for it, and its number was kept.
func (l *Log) room(record int64) error {
	if err := l.provide(record); err != nil {
		return err
	}
	if s := l.newest(); s.number > l.began {
		if err := l.cfg.Begin(s.number); err != nil {
			return err
		}
		l.began = s.number
	}
	return nil
}

// provide removes what a write that was cut off has left, and ends the newest segment if the
// record does not fit.
func (l *Log) provide(record int64) error {
	s := l.newest()
	if s == nil {
		if err := errors.Join(os.MkdirAll(l.cfg.Dir, 0o700), syncDir(filepath.Dir(l.cfg.Dir))); err != nil {
			return err
		}
		return l.next(1, segmentSize(0, record))
	}
	if l.unclean {
		if err := s.clean(); err != nil {
			return err
		}
		l.unclean = false
	}
	if s.ended {
		return l.next(s.number+1, segmentSize(s.size, record))
	}
	if s.fits(record) {
		if s.end > s.size/2 {
			l.spare.prepare(s.number+1, segmentSize(s.size, 0))
		}
		return nil
	}
	if err := l.mark(kindEnd, 0); err != nil {
		return err
	}
	s.ended = true
	return l.next(s.number+1, segmentSize(s.size, record))
}

// next adds a segment.
func (l *Log) next(number uint64, size int64) error {
	s, err := l.spare.take(number, size)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.segments = append(l.segments, s)
	return nil
}

// clean writes zeros over the rest of the segment.
func (s *segment) clean() error {
	zeros := make([]byte, zeroBytes)
	for at := s.end; at < s.size; at += zeroBytes {
		if _, err := s.WriteAt(zeros[:min(zeroBytes, s.size-at)], at); err != nil {
			return err
		}
	}
	return datasync(s.File)
}

// spare is the next segment, which is made while the newest one is written.
type spare struct {
	dir string

	making sync.WaitGroup
	// The rest is used by one goroutine at a time: the one that makes the segment, or, after
	// making, the one that changes the log.
	begun bool
	made  *segment // nil: it could not be made
}

// prepare begins to make a segment, unless that was done.
func (p *spare) prepare(number uint64, size int64) {
	if p.begun {
		return
	}
	p.begun = true
	p.making.Go(func() { p.made, _ = createSegment(p.dir, number, size) })
}

// take returns a segment of at least a size. If what was prepared does not fit, or could not be
// made, it makes another one.
func (p *spare) take(number uint64, size int64) (*segment, error) {
	p.making.Wait()
	s := p.made
	p.begun, p.made = false, nil
	if s != nil && s.number == number && s.size >= size {
		return s, nil
	}
	if s != nil {
		if err := s.Close(); err != nil {
			return nil, err
		}
	}
	return createSegment(p.dir, number, size)
}

func (p *spare) close() error {
	p.making.Wait()
	if p.made == nil {
		return nil
	}
	return p.made.Close()
}
