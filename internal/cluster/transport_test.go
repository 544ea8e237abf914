package cluster

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/lockd/lockd/internal/transport"
)

// A node that ends does not wait for an answer from a host that nobody knows.
func TestHangingUpEndsADial(t *testing.T) {
	dialling := make(chan struct{})
	s := newStream(idAddr("a"))
	s.dial = func(ctx context.Context, _ transport.Kind, _ string, _ time.Duration) (transport.Conn, error) {
		close(dialling)
		<-ctx.Done()
		return transport.Conn{}, ctx.Err()
	}
	ended := make(chan error, 1)
	go func() {
		_, err := s.Dial("b", time.Hour)
		ended <- err
	}()
	<-dialling
	s.hangUp()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the dial ended with %v", err)
	}
}
