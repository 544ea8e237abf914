// Package transport is the way between nodes: one port that carries Raft's streams
// and lockd's own calls, told apart by the first byte of a connection, so that
// TLS can wrap one listener.
//
// A connection begins with its kind and a hello that names the cluster, the
// node that calls and the node that is called; a mismatch is refused before
// anything else is read. In the handshake both sides say the newest version of
// lockd's form that they read, and the connection speaks the lesser of the two.
package transport

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// Kind is the first byte of a connection.
type Kind byte

// The kinds of connection.
const (
	KindRaft Kind = 'R'
	KindCall Kind = 'L'
)

// A Hello is what the calling side says of itself, and whom it wants.
type Hello struct {
	Cluster string `json:"cluster"` // empty: in no cluster yet
	From    string `json:"from"`    // Raft server ID
	Name    string `json:"name"`
	Peer    string `json:"peer"` // advertised addresses
	HTTP    string `json:"http"`
	To      string `json:"to"` // Raft server ID; empty: whoever listens there

	// Version is the newest version that the caller reads; in what a Handler is
	// given, the version that the connection speaks.
	Version uint64 `json:"version"`
}

// welcome is the other side's word on a hello.
type welcome struct {
	Refused string `json:"refused,omitempty"` // why; empty: come in
	Version uint64 `json:"version"`           // the newest that it reads
}

// A Conn is a connection after its handshake.
type Conn struct {
	net.Conn
	Version uint64 // that both sides read
}

// common returns the version that two sides speak.
func common(a, b uint64) uint64 { return max(1, min(a, b)) }

const (
	handshakeTimeout = 5 * time.Second
	maxHello         = 4 << 10
)

// handshake opens a connection: the kind, the hello, and the other side's word.
func handshake(conn net.Conn, kind Kind, h Hello, timeout time.Duration) (version uint64, err error) {
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return 0, err
	}
	body, err := json.Marshal(h)
	if err != nil {
		return 0, err
	}
	head := binary.BigEndian.AppendUint16([]byte{byte(kind)}, uint16(len(body)))
	if _, err := conn.Write(append(head, body...)); err != nil {
		return 0, err
	}
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return 0, fmt.Errorf("the peer ended the handshake: %w", err)
	}
	word := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, word); err != nil {
		return 0, err
	}
	var w welcome
	if err := json.Unmarshal(word, &w); err != nil {
		return 0, fmt.Errorf("not a lockd peer: %w", err)
	}
	if w.Refused != "" {
		return 0, fmt.Errorf("refused by the peer: %s", w.Refused)
	}
	return common(h.Version, w.Version), conn.SetDeadline(time.Time{})
}

// greet reads the other side of a handshake and answers with admit's word.
func greet(conn net.Conn, version uint64, admit func(Kind, Hello) error) (Kind, Hello, *bufio.Reader, error) {
	var h Hello
	if err := conn.SetDeadline(time.Now().Add(handshakeTimeout)); err != nil {
		return 0, h, nil, err
	}
	r := bufio.NewReaderSize(conn, 32<<10)
	var head [3]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, h, nil, err
	}
	kind, size := Kind(head[0]), binary.BigEndian.Uint16(head[1:])
	if kind != KindRaft && kind != KindCall || size > maxHello {
		return 0, h, nil, errors.New("not a lockd peer")
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(r, body); err != nil {
		return 0, h, nil, err
	}
	if err := json.Unmarshal(body, &h); err != nil {
		return 0, h, nil, fmt.Errorf("not a lockd peer: %w", err)
	}
	refusal := admit(kind, h)
	w := welcome{Version: version}
	if refusal != nil {
		w.Refused = refusal.Error()
	}
	word, err := json.Marshal(w)
	if err != nil {
		return 0, h, nil, err
	}
	if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(word))), word...)); err != nil {
		return 0, h, nil, err
	}
	if refusal != nil {
		return 0, h, nil, refusal
	}
	h.Version = common(version, h.Version)
	return kind, h, r, conn.SetDeadline(time.Time{})
}
