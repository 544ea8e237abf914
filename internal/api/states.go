package api

import (
	"context"
	"sync"
	"time"
)

const (
	// MaxStates bounds how many watches are sent the whole state at once: each keeps the leases of its revision in
	// memory until it has all of them.
	MaxStates = 16
	// MaxStatesPerIP bounds those of one address.
	MaxStatesPerIP = 8
	// minStateRate is how fast a client must read a state, in bytes per second, after one WriteTimeout.
	minStateRate = 256 << 10
)

// states gives the places for sending the state. A request that finds none waits for one.
type states struct {
	all chan struct{}

	// mu guards byIP; never held while waiting.
	mu   sync.Mutex
	byIP map[string]*addressStates
}

type addressStates struct {
	places chan struct{}
	users  int // that have or want a place
}

func newStates() *states {
	return &states{all: make(chan struct{}, MaxStates), byIP: make(map[string]*addressStates)}
}

// enter waits for a place until ctx ends. leave gives it back, and may be called again.
func (s *states) enter(ctx context.Context, ip string) (leave func(), ok bool) {
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

func (s *states) of(ip string) *addressStates {
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

func (s *states) done(ip string, own *addressStates) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if own.users--; own.users == 0 {
		delete(s.byIP, ip)
	}
}

// A pace cuts a client that reads a state slower than minStateRate, however short its single writes are.
type pace struct {
	begun time.Time
	grace time.Duration
	sent  int
}

// until returns when the next write must have ended at the latest.
func (p *pace) until() time.Time {
	return p.begun.Add(p.grace + time.Duration(p.sent)*time.Second/minStateRate)
}
