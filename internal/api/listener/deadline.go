package listener

import (
	"errors"
	"os"
	"sync"
	"time"
)

// A deadline is the read or the write deadline of a connection. net/http sets deadlines many times for a request, and a
// stream sets one for each event. Setting one changes a timer of the runtime, which costs more than anything else here.
// So the connection gets a deadline only if one that is too late would apply to a call. A deadline that is too early may
// apply: if it passes, it is set to the right time and the call is repeated.
type deadline struct {
	set func(time.Time) error // sets the deadline of the connection

	mu     sync.Mutex // guards the rest
	wanted time.Time  // zero: none
	inUse  time.Time  // what the connection has
	passed bool       // inUse ended a call
	calls  int        // that are in progress
}

// change sets the time at which calls end, also that of a call in progress. The zero time means that calls do not end.
func (d *deadline) change(t time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wanted = t
	if d.calls == 0 || !d.isLate() {
		return nil
	}
	return d.use()
}

// isLate reports whether the deadline of the connection is after the wanted one.
func (d *deadline) isLate() bool {
	return !d.wanted.IsZero() && (d.inUse.IsZero() || d.inUse.After(d.wanted))
}

func (d *deadline) use() error {
	d.inUse, d.passed = d.wanted, false
	return d.set(d.wanted)
}

// begin begins a call. If it returns an error, there is no call.
func (d *deadline) begin() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.passed || d.isLate() {
		if err := d.use(); err != nil {
			return err
		}
	}
	d.calls++
	return nil
}

// end ends a call with its error, and reports whether the call must be repeated: a deadline that was too early ended it.
func (d *deadline) end(err error) (again bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls--
	if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	d.passed = true
	return d.wanted.IsZero() || d.wanted.After(time.Now())
}
