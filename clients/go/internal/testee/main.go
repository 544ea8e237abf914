// Testee does what it is told through the Go client, so that the client can be held
// to the rules: it reads commands from standard input and writes answers and events
// to standard output, a line of JSON each. See clients/conformance/README.md.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
)

type command struct {
	ID        int      `json:"id"`
	Do        string   `json:"do"`
	Client    string   `json:"client"`
	Addresses []string `json:"addresses"`
	Holder    string   `json:"holder"`
	Session   string   `json:"session"`
	Timeout   int      `json:"request_timeout_ms"`
	Lease     string   `json:"lease"`
	Name      string   `json:"name"`
	TTL       int      `json:"ttl_ms"`
	Wait      int      `json:"wait_ms"`
	Limit     int      `json:"limit"`
	Priority  int      `json:"priority"`
	Meta      any      `json:"meta"`
	Keep      bool     `json:"keep"`
	Reclaim   bool     `json:"reclaim"`
	To        string   `json:"to"`

	ctx context.Context // of an acquire
}

type message struct {
	ID     int    `json:"id,omitempty"`
	Result string `json:"result,omitempty"`
	Detail string `json:"detail,omitempty"`
	Token  uint64 `json:"token,omitempty"`
	Slot   int    `json:"slot,omitempty"`
	Event  string `json:"event,omitempty"`
	Client string `json:"client,omitempty"`
	Lease  string `json:"lease,omitempty"`
	Type   string `json:"type,omitempty"`
	Name   string `json:"name,omitempty"`
}

type testee struct {
	// mu guards the rest, and standard output.
	mu      sync.Mutex
	clients map[string]*lockd.Client
	leases  map[string]*lockd.Lease
	cancels map[string]context.CancelFunc // of acquires, by the lease's word
}

func main() {
	t := &testee{
		clients: make(map[string]*lockd.Client), leases: make(map[string]*lockd.Lease), cancels: make(map[string]context.CancelFunc),
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var c command
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		switch c.Do {
		case "client":
			t.do(c) // others speak of it
		case "acquire":
			t.cancellable(&c)
			go t.do(c)
		default:
			go t.do(c)
		}
	}
}

func (t *testee) do(c command) {
	m, err := t.act(c)
	m.ID, m.Result = c.ID, result(err)
	if err != nil {
		m.Detail = err.Error()
	}
	t.say(m)
}

func (t *testee) say(m message) {
	raw, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	os.Stdout.Write(append(raw, '\n'))
}

var errInvalid = errors.New("invalid")

func result(err error) string {
	var refused *lockd.Error
	var unknown *lockd.UnknownError
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, lockd.ErrLost):
		return "lost"
	case errors.Is(err, lockd.ErrReleased):
		return "released"
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.As(err, &unknown):
		return "unknown"
	case errors.Is(err, lockd.ErrUnavailable):
		return "unavailable"
	case errors.Is(err, lockd.ErrHeld):
		return "held"
	case errors.As(err, &refused):
		return "refused"
	}
	return "invalid"
}

func (t *testee) act(c command) (message, error) {
	t.mu.Lock()
	client, lease, ctx, cancel := t.clients[c.Client], t.leases[c.Lease], c.ctx, t.cancels[c.Lease]
	t.mu.Unlock()
	if ctx == nil {
		ctx = context.Background()
	}
	switch c.Do {
	case "client":
		return message{}, t.client(c)
	case "acquire":
		return t.acquire(ctx, client, c)
	case "cancel":
		cancel()
	case "renew":
		return message{}, lease.Renew(ctx)
	case "release":
		return message{}, lease.Release(ctx)
	case "transfer":
		return message{}, lease.Transfer(ctx, c.To)
	case "watch":
		go t.watch(ctx, client, c)
	case "elect":
		go t.elect(ctx, client, c)
	default:
		return message{}, fmt.Errorf("%w: %s", errInvalid, c.Do)
	}
	return message{}, nil
}

// cancellable lets a cancel that follows on the input end an acquire.
func (t *testee) cancellable(c *command) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c.ctx, t.cancels[c.Lease] = context.WithCancel(context.Background())
}

func millis(n int) time.Duration { return time.Duration(n) * time.Millisecond }

func (t *testee) client(c command) error {
	client, err := lockd.New(lockd.Config{
		Addresses: c.Addresses, Holder: c.Holder, Session: c.Session, RequestTimeout: millis(c.Timeout),
	})
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.clients[c.Client] = client
	return nil
}

func (t *testee) acquire(ctx context.Context, client *lockd.Client, c command) (message, error) {
	l, err := client.Acquire(ctx, c.Name, lockd.AcquireOptions{
		TTL: millis(c.TTL), Wait: millis(c.Wait), Limit: c.Limit, Priority: c.Priority, Meta: c.Meta,
		Reclaim: c.Reclaim,
	})
	if err != nil {
		return message{}, err
	}
	l.KeepAliveWhile(func() bool { return c.Keep })
	t.mu.Lock()
	t.leases[c.Lease] = l
	t.mu.Unlock()
	context.AfterFunc(l.Context(), func() {
		if errors.Is(context.Cause(l.Context()), lockd.ErrLost) {
			t.say(message{Event: "lost", Lease: c.Lease})
		}
	})
	return message{Token: l.Token, Slot: l.Slot}, nil
}

func (t *testee) watch(ctx context.Context, client *lockd.Client, c command) {
	for e, err := range client.Watch(ctx, lockd.WatchOptions{Name: c.Name}) {
		if err != nil {
			t.say(message{Event: "watched", Client: c.Client, Type: "error", Detail: err.Error()})
			return
		}
		t.say(message{Event: "watched", Client: c.Client, Type: e.Type, Name: e.Name, Token: e.Token})
	}
}

func (t *testee) elect(ctx context.Context, client *lockd.Client, c command) {
	err := client.Elect(ctx, c.Name, lockd.AcquireOptions{TTL: millis(c.TTL)}, func(ctx context.Context, l *lockd.Lease) error {
		t.say(message{Event: "leads", Client: c.Client, Token: l.Token})
		<-ctx.Done()
		t.say(message{Event: "resigned", Client: c.Client})
		return nil
	})
	t.say(message{Event: "elected no more", Client: c.Client, Result: result(err)})
}
