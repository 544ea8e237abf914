package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/storage"
	"github.com/lockd/lockd/internal/transport"
)

// peers is what this node knows of other nodes, and its connections to them.
type peers struct {
	log      *slog.Logger
	dialNet  func(ctx context.Context, address string) (net.Conn, error)
	security *Security
	hello    func(to string) transport.Hello
	servers  func() []raft.Server // Raft's configuration
	ctx      context.Context      // ends when the node stops dialling

	// mu guards the rest.
	mu      sync.Mutex
	records map[string]fsm.Node          // by ID, with the newest addresses
	proofs  map[string]struct{}          // addresses that are being verified
	clients map[string]*transport.Client // by ID
}

// connectTimeout bounds how long another node may take to answer a connection.
const connectTimeout = 2 * time.Second

// maxProofs bounds the addresses that are being verified at the same time.
const maxProofs = 16

// verify records the addresses that a node states, after the node has answered there with
// its ID: a stranger must not redirect the calls to a member.
func (p *peers) verify(record fsm.Node) {
	if p.knows(record) || !p.beginProof(record) {
		return
	}
	go func() {
		defer p.endProof(record)
		if p.proves(record) {
			p.learn(record)
		}
	}()
}

// proves reports whether a node answers at its address under its ID.
func (p *peers) proves(record fsm.Node) bool {
	conn, err := p.dialAddress(p.ctx, transport.KindCall, record.ID, record.Peer, connectTimeout)
	if err != nil {
		p.log.Debug("a node does not answer at the address that it states", "id", record.ID, "address", record.Peer, "err", err)
		return false
	}
	conn.Close()
	return true
}

func (p *peers) knows(record fsm.Node) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	known, ok := p.records[record.ID]
	return ok && known.Peer == record.Peer && known.HTTP == record.HTTP
}

func (p *peers) beginProof(record fsm.Node) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := record.ID + " " + record.Peer
	if _, running := p.proofs[key]; running || len(p.proofs) >= maxProofs {
		return false
	}
	p.proofs[key] = struct{}{}
	return true
}

func (p *peers) endProof(record fsm.Node) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.proofs, record.ID+" "+record.Peer)
}

// learn records a node's newest addresses.
func (p *peers) learn(record fsm.Node) {
	if former := p.replacePeer(record); former != nil {
		former.Close()
	}
}

// replacePeer stores a record. It returns the client of the former address, if the address
// has changed.
func (p *peers) replacePeer(record fsm.Node) (former *transport.Client) {
	p.mu.Lock()
	defer p.mu.Unlock()
	old, known := p.records[record.ID]
	switch {
	case known && old.Peer == record.Peer && old.HTTP == record.HTTP:
		return nil
	case !known && len(p.records) >= 4*fsm.MaxNodes:
		return nil
	}
	p.records[record.ID] = record
	if known {
		former = p.clients[record.ID]
		delete(p.clients, record.ID)
	}
	return former
}

// prune removes nodes that are not members and have no record.
func (p *peers) prune(records []fsm.Node) {
	servers := p.servers()
	var gone []*transport.Client
	p.mu.Lock()
	for id := range p.records {
		if slices.ContainsFunc(records, func(r fsm.Node) bool { return r.ID == id }) ||
			hasServer(servers, id) {
			continue
		}
		delete(p.records, id)
		if c := p.clients[id]; c != nil {
			gone = append(gone, c)
			delete(p.clients, id)
		}
	}
	p.mu.Unlock()
	for _, c := range gone {
		c.Close() // never under mu: it has a lock of its own
	}
}

// client returns the client for a node.
func (p *peers) client(id string) *transport.Client {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.clients[id]
	if c == nil {
		c = p.newClient(id)
		p.clients[id] = c
	}
	return c
}

// dial opens a connection of a kind to a node by its ID.
func (p *peers) dial(ctx context.Context, kind transport.Kind, id string, timeout time.Duration) (transport.Conn, error) {
	address := p.address(id)
	if address == "" {
		return transport.Conn{}, fmt.Errorf("no address of %s is known", id)
	}
	return p.dialAddress(ctx, kind, id, address, timeout)
}

// dialAddress opens a connection to a node at an address.
func (p *peers) dialAddress(
	ctx context.Context, kind transport.Kind, id, address string, timeout time.Duration,
) (transport.Conn, error) {
	return p.open(ctx, kind, p.hello(id), address, timeout)
}

// open opens a connection with a hello. With TLS, the certificate must be that of the called node.
func (p *peers) open(
	ctx context.Context, kind transport.Kind, hello transport.Hello, address string, timeout time.Duration,
) (transport.Conn, error) {
	return p.security.Open(ctx, transport.Call{
		Dial: func(ctx context.Context) (net.Conn, error) { return p.dialNet(ctx, address) },
		Kind: kind, Hello: hello, Name: storage.NameIn(hello.To), Timeout: min(timeout, connectTimeout),
	})
}

func (p *peers) newClient(id string) *transport.Client {
	return transport.NewClient(func(ctx context.Context) (transport.Conn, error) {
		return p.dial(ctx, transport.KindCall, id, connectTimeout)
	})
}

// address returns the newest peer address known of a node.
func (p *peers) address(id string) string {
	p.mu.Lock()
	known, ok := p.records[id]
	p.mu.Unlock()
	if ok {
		return known.Peer
	}
	for _, s := range p.servers() {
		if string(s.ID) == id {
			return string(s.Address)
		}
	}
	return ""
}

// lives reports whether a node answers under its ID.
func (p *peers) lives(id string) bool {
	conn, err := p.dial(context.Background(), transport.KindCall, id, connectTimeout)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// name returns the name of a node, or "" if it is not known.
func (p *peers) name(id string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.records[id].Name
}

// drop closes the client for a node. Calls that wait for an answer fail.
func (p *peers) drop(id string) {
	p.mu.Lock()
	former := p.clients[id]
	delete(p.clients, id)
	p.mu.Unlock()
	if former != nil {
		former.Close() // never under mu: it has a lock of its own
	}
}

// close closes all clients.
func (p *peers) close() {
	p.mu.Lock()
	clients := slices.Collect(maps.Values(p.clients))
	p.mu.Unlock()
	for _, c := range clients {
		c.Close()
	}
}

// knownRecord returns the record of a member that has none in the machine.
func (p *peers) knownRecord(id, address string) fsm.Node {
	p.mu.Lock()
	defer p.mu.Unlock()
	if record, ok := p.records[id]; ok {
		record.Version = 0 // only a version in the log counts
		return record
	}
	return fsm.Node{ID: id, Peer: address}
}
