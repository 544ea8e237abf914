package transport

import (
	"context"
	"errors"
	"testing"
	"time"
)

// A node that ends does not wait for an answer from a host that nobody knows.
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
