package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"time"
)

func noiseKinds() []kind {
	return []kind{{
		name: "noise", area: onNoise, needs: []capability{hasNetns}, targets: []string{theLeader, aFollower},
		shortest: time.Second, longest: 5 * time.Second, make: newNoise,
	}}
}

const (
	// noisyConnections is the number of connections to each port.
	noisyConnections = 100
	// noiseBytes is the maximum number of bytes that one connection sends.
	noiseBytes = 64 << 10
)

// Noise is connections to both ports of a node that send random bytes, or nothing.
type noise struct {
	w      *world
	node   *node
	random *rand.Rand
	conns  []net.Conn
}

func newNoise(w *world, v victims, _ Step) fault {
	return &noise{w: w, node: v.one(), random: rand.New(rand.NewPCG(uint64(w.now()), 0))}
}

func (n *noise) inject() error {
	for i := range 2 * noisyConnections {
		port := httpPort
		if i%2 == 0 {
			port = peerPort
		}
		conn, err := n.dial(port)
		if err != nil {
			return err
		}
		n.conns = append(n.conns, conn)
		words := make([]byte, n.random.IntN(noiseBytes))
		for i := range words {
			words[i] = byte(n.random.Uint32())
		}
		_ = conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		_, _ = conn.Write(words) // the node may close the connection at any time
	}
	return nil
}

// dial waits until a node that another fault has stopped accepts a connection.
func (n *noise) dial(port string) (conn net.Conn, err error) {
	err = n.w.await("the node accepts a noisy connection", effectWithin, func() (err error) {
		conn, err = n.node.host.dial(context.Background(), "tcp", net.JoinHostPort(n.node.host.ip, port))
		return err
	})
	return conn, err
}

func (n *noise) heal() error {
	for _, conn := range n.conns {
		conn.Close()
	}
	return nil
}

func (n *noise) effect() (string, error) {
	return fmt.Sprintf("%d noisy connections", len(n.conns)), nil
}
