package transport

import (
	"net"
	"strings"
	"testing"
	"time"
)

// A hello above the limit is not sent: in two bytes, its length could become that of a shorter one.
func TestLongHelloIsNotSent(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	defer near.Close()
	for _, size := range []int{maxHello, 1 << 16} {
		_, err := handshake(near, KindCall, Hello{Name: strings.Repeat("n", size)}, 20*time.Second)
		if err == nil || !strings.Contains(err.Error(), "too long") {
			t.Errorf("a name of %d bytes: %v", size, err)
		}
	}
}
