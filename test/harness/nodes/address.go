package nodes

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// Tests listen on ports outside of the range of ephemeral ports. Test processes share these ports in blocks: the
// process that listens on the first port of a block owns the block. A port that a test uses later, or again after a
// restart, is therefore not given to another test.
const (
	firstPort = 12_000
	blockSize = 200
	blocks    = 90
)

var ports = sync.OnceValues(takeBlock)

type block struct {
	mu    sync.Mutex
	claim net.Listener // held for the life of the process
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

// FreeAddress returns a loopback address that is not in use. It returns the same address again only after 198 others.
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
