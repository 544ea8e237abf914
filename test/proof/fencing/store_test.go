package fencing

import (
	"encoding/json"
	"net/http"
	"sync"
)

// store is a set that is read and written as a whole. A fenced store keeps the highest token and rejects lower ones.
type store struct {
	fenced bool

	mu     sync.Mutex
	set    []int
	token  uint64
	reader int // the last client that has read and not written since; 0: none
	late   int // writes with a token below the highest
}

// demand is a request of a client: a read, which also claims the token, or a write.
type demand struct {
	Client int
	Token  uint64
	Set    []int
}

func (s *store) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /read", s.read)
	mux.HandleFunc("POST /write", s.write)
	return mux
}

// admit records a token, or rejects it. The caller holds the lock.
func (s *store) admit(token uint64) bool {
	if s.fenced && token < s.token {
		return false
	}
	s.token = max(s.token, token)
	return true
}

// read records the token first, so that earlier holders can no longer change what is read.
func (s *store) read(w http.ResponseWriter, r *http.Request) {
	var d demand
	if err := json.NewDecoder(r.Body).Decode(&d); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	ok := s.admit(d.Token)
	set := s.set
	if ok {
		s.reader = d.Client
	}
	s.mu.Unlock()
	if !ok {
		http.Error(w, "a later holder has used this store", http.StatusConflict)
		return
	}
	_ = json.NewEncoder(w).Encode(set) // a client that has gone needs no response
}

func (s *store) write(w http.ResponseWriter, r *http.Request) {
	var d demand
	if err := json.NewDecoder(r.Body).Decode(&d); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reader == d.Client {
		s.reader = 0
	}
	if d.Token < s.token {
		s.late++
	}
	if !s.admit(d.Token) {
		http.Error(w, "a later holder has used this store", http.StatusConflict)
		return
	}
	s.set = d.Set
}

// inTheMiddle returns the client that has read and not written yet, or 0.
func (s *store) inTheMiddle() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reader
}

func (s *store) tooLate() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.late
}

func (s *store) contents() map[int]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make(map[int]bool, len(s.set))
	for _, element := range s.set {
		all[element] = true
	}
	return all
}
