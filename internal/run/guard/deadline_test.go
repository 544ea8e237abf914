//go:build linux

package guard

import (
	"context"
	"testing"
	"time"
)

func TestDeadlinePassesOnTheFirstOfBothClocks(t *testing.T) {
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

// A recordingLease records when Remaining was called.
type recordingLease struct{ at deadline }

func (l *recordingLease) Remaining() time.Duration {
	l.at = readClocks()
	return time.Minute
}

func (*recordingLease) Extended() <-chan struct{}          { return nil }
func (*recordingLease) StepDownRequested() <-chan struct{} { return nil }
func (*recordingLease) Context() context.Context           { return context.Background() }

// If the process is stopped between the two calls, the deadline must not count from after the stop.
func TestClocksAreReadBeforeTheRemainingTime(t *testing.T) {
	var l recordingLease
	if until := deadlineOf(&l); until.Boot > l.at.Boot+time.Minute || until.Wall > l.at.Wall+time.Minute {
		t.Errorf("the deadline of a minute is %v after the call of Remaining", until.Boot-l.at.Boot)
	}
}
