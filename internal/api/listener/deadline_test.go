package listener

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

// later is a time that no test reaches.
func later(d time.Duration) time.Time { return time.Now().Add(time.Hour + d) }

var past = time.Unix(1, 0)

func TestDeadlinesThatMoveLaterAreNotSet(t *testing.T) {
	var sets []time.Time
	d := deadline{set: func(t time.Time) error { sets = append(sets, t); return nil }}
	call := func(err error) (again bool) {
		if err := d.begin(); err != nil {
			t.Fatal(err)
		}
		return d.end(err)
	}
	for i := range 100 {
		_ = d.change(later(time.Duration(i) * time.Second))
		call(nil)
		_ = d.change(time.Time{})
		call(nil)
	}
	if len(sets) != 1 {
		t.Errorf("200 deadlines were set %d times", len(sets))
	}
	earlier := later(-time.Minute)
	if _ = d.change(earlier); len(sets) != 1 {
		t.Error("a deadline was set without a call")
	}
	if call(nil); len(sets) != 2 || !sets[1].Equal(earlier) {
		t.Errorf("an earlier deadline was not set for the next call: %v", sets)
	}
}

func TestCallIsRepeatedOnlyIfItsDeadlineWasTooEarly(t *testing.T) {
	for name, c := range map[string]struct {
		wanted time.Time
		err    error
		again  bool
	}{
		"none":              {time.Time{}, os.ErrDeadlineExceeded, true},
		"later":             {later(0), os.ErrDeadlineExceeded, true},
		"passed":            {past, os.ErrDeadlineExceeded, false},
		"another error":     {later(0), net.ErrClosed, false},
		"no error, no call": {later(0), nil, false},
	} {
		var inUse time.Time
		d := deadline{set: func(t time.Time) error { inUse = t; return nil }}
		_ = d.change(later(-time.Minute))
		_ = d.begin()
		d.wanted = c.wanted
		if again := d.end(c.err); again != c.again {
			t.Errorf("%s: the call is repeated: %v", name, again)
		}
		if _ = d.begin(); c.again && !inUse.Equal(c.wanted) {
			t.Errorf("%s: it is repeated until %v", name, inUse)
		}
	}
}

// TestDeadlinesOfAConnection ends calls in progress, as net/http ends the read that it does while a request is handled.
func TestDeadlinesOfAConnection(t *testing.T) {
	server, client := net.Pipe()
	defer client.Close()
	c := newConnection(server, func() {})
	defer c.Close()
	for range 3 {
		_ = c.SetDeadline(later(0))
		ended := make(chan error, 2)
		go func() { _, err := c.Read(make([]byte, 1)); ended <- err }()
		go func() { _, err := c.Write([]byte("x")); ended <- err }()
		_ = c.SetDeadline(past)
		for range 2 {
			if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("a call ended with %v", err)
			}
		}
		_ = c.SetDeadline(time.Time{})
		go func() { _, _ = client.Write([]byte("y")) }()
		if n, err := c.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Fatalf("without a deadline: %d, %v", n, err)
		}
	}
}

// TestWriteGoesOnAfterADeadlineThatWasTooEarly: the deadline of the connection ends a write that has written a part.
func TestWriteGoesOnAfterADeadlineThatWasTooEarly(t *testing.T) {
	server, client := net.Pipe()
	defer client.Close()
	c := newConnection(server, func() {})
	defer c.Close()
	_ = c.SetWriteDeadline(later(0))
	written := make(chan error, 1)
	go func() { _, err := c.Write([]byte("abc")); written <- err }()
	b := make([]byte, 3)
	if n, err := client.Read(b[:1]); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	_ = server.SetWriteDeadline(past)
	for i := 1; i < 3; {
		n, err := client.Read(b[i:])
		if err != nil {
			t.Fatal(err)
		}
		i += n
	}
	if err := <-written; err != nil || string(b) != "abc" {
		t.Errorf("read %q, %v", b, err)
	}
}
