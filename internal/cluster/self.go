package cluster

import (
	"sync"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/storage"
	"github.com/lockd/lockd/internal/transport"
)

// self is this node's identity, and its record as other nodes see it.
type self struct {
	stated fsm.Node // addresses, version and budget, without ID and name
	save   func(storage.Identity) error

	mu sync.Mutex
	id storage.Identity
}

func newSelf(cfg *Config, id storage.Identity, save func(storage.Identity) error) *self {
	stated := fsm.Node{Peer: cfg.Peer, HTTP: cfg.HTTP, Version: fsm.EntryVersion, MaxState: cfg.MaxState}
	return &self{stated: stated, save: save, id: id}
}

func (s *self) identity() storage.Identity {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.id
}

// record returns this node's own record.
func (s *self) record() fsm.Node {
	id, r := s.identity(), s.stated
	r.ID, r.Name = id.ID(), id.Name
	return r
}

// hello returns the first message of a connection to a node.
func (s *self) hello(to string) transport.Hello {
	r := s.record()
	return transport.Hello{
		Cluster: s.identity().Cluster, From: r.ID, Name: r.Name, Peer: r.Peer, HTTP: r.HTTP, To: to, Version: r.Version,
	}
}

// pledge writes down which cluster this node belongs to from now on.
func (s *self) pledge(cluster string, forming []fsm.Node) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.id.Cluster == cluster {
		return nil
	}
	if s.id.Cluster != "" {
		return &fsm.Refused{Reason: "this node has promised itself to cluster " + s.id.Cluster}
	}
	next := s.id
	next.Cluster, next.Forming = cluster, forming
	if err := s.save(next); err != nil {
		return err
	}
	s.id = next
	return nil
}
