package storage

import (
	"runtime"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

func TestHangingReportsEachWrite(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	s := storesFor(t, t.TempDir(), func(write func() error) error {
		entered <- struct{}{}
		<-leave
		return write()
	})
	defer s.Close()
	for name, write := range map[string]func() error{
		"an entry":     func() error { return s.Log.StoreLog(&raft.Log{Index: 1, Term: 1}) },
		"a truncation": func() error { return s.Log.DeleteRange(1, 1) },
		"a vote":       func() error { return s.Stable.Set([]byte("LastVoteCand"), []byte("a")) },
	} {
		done := make(chan error)
		go func() { done <- write() }()
		<-entered
		for deadline := time.Now().Add(10 * time.Second); s.Hanging() == 0; runtime.Gosched() {
			if time.Now().After(deadline) {
				t.Fatalf("%s is not seen to hang", name)
			}
		}
		leave <- struct{}{}
		if err := <-done; err != nil || s.Hanging() != 0 || s.LastWrite() == 0 {
			t.Errorf("%s: %v, and hangs for %v when it has ended after %v", name, err, s.Hanging(), s.LastWrite())
		}
	}
}
