package main

import (
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// notifyTimeout is how long the end of this process waits for a service manager.
const notifyTimeout = time.Second

// A notifier tells systemd, where that is this process's service manager, what this
// process does. Whether the service is ready is its command's to say. A manager
// that does not listen holds nothing up: of what it has not taken it is told the
// newest alone.
type notifier struct {
	latest chan string
	done   chan struct{}
}

func newNotifier() *notifier {
	n := &notifier{latest: make(chan string, 1), done: make(chan struct{})}
	go func() {
		defer close(n.done)
		for status := range n.latest {
			_, _ = daemon.SdNotify(false, "STATUS="+status) // nobody depends on it
		}
	}()
	return n
}

// tell is called by one goroutine at a time.
func (n *notifier) tell(status string) {
	select {
	case <-n.latest:
	default:
	}
	n.latest <- strings.Join(strings.Fields(status), " ") // a second line would say something else
}

// end waits until the last status was taken, but not for long.
func (n *notifier) end() {
	close(n.latest)
	select {
	case <-n.done:
	case <-time.After(notifyTimeout):
	}
}
