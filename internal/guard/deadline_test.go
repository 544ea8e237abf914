//go:build linux

package guard

import (
	"context"
	"testing"
	"time"
)

func TestADeadlineComesWhenTheFirstClockSaysSo(t *testing.T) {
	now := readClocks()
	for name, d := range map[string]deadline{
		"suspended":                            {Boot: now.Boot + time.Minute, Wall: now.Wall + time.Hour},
		"a virtual machine paused by its host": {Boot: now.Boot + time.Hour, Wall: now.Wall + time.Minute},
	} {
		if left := d.left(); left > time.Minute || left < 0 {
			t.Errorf("%s: %v left", name, left)
		}
	}
}

// An askedLease notes when it was asked what remains.
type askedLease struct{ at deadline }

func (l *askedLease) Remaining() time.Duration {
	l.at = readClocks()
	return time.Minute
}

func (*askedLease) Extended() <-chan struct{}          { return nil }
func (*askedLease) StepDownRequested() <-chan struct{} { return nil }
func (*askedLease) Context() context.Context           { return context.Background() }

// Whoever is stopped between the two must not count from after the stop.
func TestTheClocksAreReadBeforeTheLeaseIsAskedWhatRemains(t *testing.T) {
	var l askedLease
	if by := endOf(&l); by.Boot > l.at.Boot+time.Minute || by.Wall > l.at.Wall+time.Minute {
		t.Errorf("the deadline of a minute is %v after it was asked for", by.Boot-l.at.Boot)
	}
}
