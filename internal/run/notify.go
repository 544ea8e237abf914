package run

import (
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// notifyTimeout is how long the end of this process waits for the service manager.
const notifyTimeout = time.Second

// A notifier reports the status of this process to systemd, if that is its service manager. The
// command itself reports readiness. A service manager that does not listen blocks nothing: it
// receives only the newest status.
type notifier struct {
	latest chan string
	done   chan struct{}
}

func newNotifier() *notifier {
	n := &notifier{latest: make(chan string, 1), done: make(chan struct{})}
	go func() {
		defer close(n.done)
		for status := range n.latest {
			_, _ = daemon.SdNotify(false, "STATUS="+status) // the status is informational
		}
	}()
	return n
}

// setStatus must be called by one goroutine at a time.
func (n *notifier) setStatus(status string) {
	select {
	case <-n.latest:
	default:
	}
	n.latest <- strings.Join(strings.Fields(status), " ") // a line break would start another variable
}

// end waits up to notifyTimeout until the last status was sent.
func (n *notifier) end() {
	close(n.latest)
	select {
	case <-n.done:
	case <-time.After(notifyTimeout):
	}
}
