// Package transport connects nodes. One port carries Raft's streams and lockd's own calls,
// which the first byte of a connection distinguishes, so that TLS can wrap one listener.
//
// A connection begins with its kind and a hello that names the cluster, the calling node
// and the called node. A mismatch is refused before anything else is read. In the handshake
// both sides state the newest version of lockd's encoding that they read, and the connection
// uses the older of the two.
package transport

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
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

// A Hello identifies the calling node and names the called one.
type Hello struct {
	Cluster string `json:"cluster"` // empty: in no cluster yet
	From    string `json:"from"`    // Raft server ID
	Name    string `json:"name"`
	Peer    string `json:"peer"` // advertised addresses
	HTTP    string `json:"http"`
	To      string `json:"to"` // Raft server ID; empty: any node

	// Version is the newest version that the caller reads. A Handler receives the version
	// of the connection.
	Version uint64 `json:"version"`

	// Proven is the name in the caller's certificate; empty without TLS.
	Proven string `json:"-"`
}

// welcome is the answer to a hello.
type welcome struct {
	Refused string `json:"refused,omitempty"` // the reason; empty: accepted
	Version uint64 `json:"version"`           // the newest that it reads
}

// A Conn is a connection after its handshake.
type Conn struct {
	net.Conn
	Version uint64 // that both sides read
	Name    string // in the certificate of the other side; empty without TLS
}

// refusedError is the error of a hello that the other side has refused.
type refusedError struct{ reason string }

func (e *refusedError) Error() string { return "refused by the peer: " + e.reason }

// common returns the version of a connection between two sides.
func common(a, b uint64) uint64 { return max(1, min(a, b)) }

const (
	handshakeTimeout = 5 * time.Second
	maxHello         = 4 << 10
)

// httpEnd is white space at the end of a hello. An HTTP server reads a hello as a request that it cannot parse, and
// answers at its end instead of at a timeout.
const httpEnd = "\r\n\r\n"

// handshake sends the kind and the hello, and reads the answer.
func handshake(conn net.Conn, kind Kind, h Hello, timeout time.Duration) (version uint64, err error) {
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return 0, err
	}
	body, err := json.Marshal(h)
	if err != nil {
		return 0, err
	}
	message, err := appendSized([]byte{byte(kind)}, append(body, httpEnd...), maxHello)
	if err != nil {
		return 0, err
	}
	if _, err := conn.Write(message); err != nil {
		return 0, err
	}
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return 0, fmt.Errorf("the peer ended the handshake, because it requires TLS or is no peer port: %w", err)
	}
	if string(size[:]) == "HT" { // an answer of HTTP begins so
		return 0, ErrHTTPPort
	}
	answer := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, answer); err != nil {
		return 0, err
	}
	var w welcome
	if err := json.Unmarshal(answer, &w); err != nil {
		return 0, fmt.Errorf("not a lockd peer: %w", err)
	}
	if w.Refused != "" {
		return 0, &refusedError{w.Refused}
	}
	return common(h.Version, w.Version), conn.SetDeadline(time.Time{})
}

// appendSized appends the length of body in two bytes, and body. It fails if body is longer than most.
func appendSized(to, body []byte, most int) ([]byte, error) {
	if len(body) > most {
		return nil, fmt.Errorf("a handshake of %d bytes is too long: the limit is %d", len(body), most)
	}
	to = binary.BigEndian.AppendUint16(to, uint16(len(body))) //nolint:gosec // the limits have two bytes
	return append(to, body...), nil
}

// greet reads the kind and the hello of a new connection, and answers with the result of
// admit. proven is the name in the caller's certificate.
func greet(conn net.Conn, proven string, version uint64, admit func(Kind, Hello) error) (Kind, Hello, *bufio.Reader, error) {
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
	h.Proven = proven
	refusal := admit(kind, h)
	w := welcome{Version: version}
	if refusal != nil {
		w.Refused = refusal.Error()
	}
	answer, err := json.Marshal(w)
	if err != nil {
		return 0, h, nil, err
	}
	message, err := appendSized(nil, answer, math.MaxUint16)
	if err != nil {
		return 0, h, nil, err
	}
	if _, err := conn.Write(message); err != nil {
		return 0, h, nil, err
	}
	if refusal != nil {
		return 0, h, nil, refusal
	}
	h.Version = common(version, h.Version)
	return kind, h, r, conn.SetDeadline(time.Time{})
}
