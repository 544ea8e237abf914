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

	// MaxScans bounds the number of reads that look at all leases or events at once: each uses a processor.
	MaxScans = 2
	// MaxScansPerIP bounds the number of them for one address.
	MaxScansPerIP = 1
)

// Places limits how many requests of a kind run at once. A request over the limit waits for a place.
type Places struct {
	all   chan struct{}
	perIP int

	// mu guards byIP; never held while waiting.
	mu   sync.Mutex
	byIP map[string]*addressPlaces
}

type addressPlaces struct {
	places chan struct{}
	users  int // requests that have a place or wait for one
}

// NewPlaces returns places for a number of requests, and of requests of one address.
func NewPlaces(all, perIP int) *Places {
	return &Places{all: make(chan struct{}, all), perIP: perIP, byIP: make(map[string]*addressPlaces)}
}

// Enter waits for a place until ctx ends. leave frees the place, and can be called several times.
func (s *Places) Enter(ctx context.Context, ip string) (leave func(), ok bool) {
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

func (s *Places) of(ip string) *addressPlaces {
	s.mu.Lock()
	defer s.mu.Unlock()
	own := s.byIP[ip]
	if own == nil {
		own = &addressPlaces{places: make(chan struct{}, s.perIP)}
		s.byIP[ip] = own
	}
	own.users++
	return own
}

func (s *Places) done(ip string, own *addressPlaces) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if own.users--; own.users == 0 {
		delete(s.byIP, ip)
	}
}
