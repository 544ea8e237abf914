package nodes

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// The ports that tests listen at lie outside of the range that outgoing
// connections take theirs from. Test processes share them out in blocks: who
// listens at a block's first port has all of it, so that what is drawn now and
// listened at later, or again after a restart, is never drawn twice.
const (
	firstPort = 12_000
	blockSize = 200
	blocks    = 90
)

var ports = sync.OnceValues(takeBlock)

type block struct {
	mu    sync.Mutex
	claim net.Listener // for as long as the process lives
	first int
	next  int
}

func takeBlock() (*block, error) {
	for _, i := range rand.Perm(blocks) {
		first := firstPort + i*blockSize
		if l, err := net.Listen("tcp", loopback(first)); err == nil {
			return &block{claim: l, first: first}, nil
		}
	}
	return nil, fmt.Errorf("all %d blocks of ports from %d on are taken", blocks, firstPort)
}

// FreeAddress returns a loopback address that nobody listens at, and that no
// other test is given before 198 further ones.
func FreeAddress(t *testing.T) string {
	t.Helper()
	b, err := ports()
	if err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for range blockSize {
		address := loopback(b.first + 1 + b.next)
		b.next = (b.next + 1) % (blockSize - 1)
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
	}
	t.Fatalf("none of the ports from %d on is free", b.first)
	return ""
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
