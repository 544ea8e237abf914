package limits

import (
	"context"
	"sync"
)

const (
	// MaxStates bounds the number of watches that receive the whole state at once. Each keeps the leases of its
	// revision in memory until all are sent.
	MaxStates = 16
	// MaxStatesPerIP bounds the number of them for one address.
	MaxStatesPerIP = 8
)

// States limits how many requests send the whole state at once. A request over the limit waits for a place.
type States struct {
	all chan struct{}

	// mu guards byIP; never held while waiting.
	mu   sync.Mutex
	byIP map[string]*addressStates
}

type addressStates struct {
	places chan struct{}
	users  int // requests that have a place or wait for one
}

// NewStates returns an empty States.
func NewStates() *States {
	return &States{all: make(chan struct{}, MaxStates), byIP: make(map[string]*addressStates)}
}

// Enter waits for a place until ctx ends. leave frees the place, and can be called several times.
func (s *States) Enter(ctx context.Context, ip string) (leave func(), ok bool) {
	own := s.of(ip)
	select {
	case own.places <- struct{}{}:
	case <-ctx.Done():
		s.done(ip, own)
		return nil, false
	}
	select {
	case s.all <- struct{}{}:
	case <-ctx.Done():
		<-own.places
		s.done(ip, own)
		return nil, false
	}
	return sync.OnceFunc(func() {
		<-s.all
		<-own.places
		s.done(ip, own)
	}), true
}

func (s *States) of(ip string) *addressStates {
	s.mu.Lock()
	defer s.mu.Unlock()
	own := s.byIP[ip]
	if own == nil {
		own = &addressStates{places: make(chan struct{}, MaxStatesPerIP)}
		s.byIP[ip] = own
	}
	own.users++
	return own
}

func (s *States) done(ip string, own *addressStates) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if own.users--; own.users == 0 {
		delete(s.byIP, ip)
	}
}
