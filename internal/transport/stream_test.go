package transport

import (
	"context"
	"errors"
	"testing"
	"time"
)

// A node that shuts down does not wait for the dial of an unknown host.
func TestHangingUpEndsADial(t *testing.T) {
	dialling := make(chan struct{})
	s := NewStream("a")
	s.Dialer = func(ctx context.Context, _ Kind, _ string, _ time.Duration) (Conn, error) {
		close(dialling)
		<-ctx.Done()
		return Conn{}, ctx.Err()
	}
	ended := make(chan error, 1)
	go func() {
		_, err := s.Dial("b", time.Hour)
		ended <- err
	}()
	<-dialling
	s.HangUp()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the dial ended with %v", err)
	}
}
