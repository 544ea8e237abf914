// Driver runs commands through the Go client for the conformance tests. It reads commands from
// standard input and writes responses and events to standard output, one JSON object per line. See
// clients/conformance/README.md.
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
	TokenFile string   `json:"token_file"`
	CAFile    string   `json:"ca_file"`
	CertFile  string   `json:"cert_file"`
	KeyFile   string   `json:"key_file"`
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

type driver struct {
	// mu guards the fields below, and standard output.
	mu      sync.Mutex
	clients map[string]*lockd.Client
	leases  map[string]*lockd.Lease
	cancels map[string]context.CancelFunc // of acquires, by the lease ID of the scenario
}

func main() {
	d := &driver{
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
			d.do(c) // later commands need the client
		case "acquire":
			d.cancellable(&c)
			go d.do(c)
		default:
			go d.do(c)
		}
	}
}

func (d *driver) do(c command) {
	m, err := d.act(c)
	m.ID, m.Result = c.ID, result(err)
	if err != nil {
		m.Detail = err.Error()
	}
	d.write(m)
}

func (d *driver) write(m message) {
	raw, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
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

func (d *driver) act(c command) (message, error) {
	d.mu.Lock()
	client, lease, ctx, cancel := d.clients[c.Client], d.leases[c.Lease], c.ctx, d.cancels[c.Lease]
	d.mu.Unlock()
	if ctx == nil {
		ctx = context.Background()
	}
	switch c.Do {
	case "client":
		return message{}, d.client(c)
	case "acquire":
		return d.acquire(ctx, client, c)
	case "cancel":
		cancel()
	case "renew":
		return message{}, lease.Renew(ctx)
	case "release":
		return message{}, lease.Release(ctx)
	case "transfer":
		return message{}, lease.Transfer(ctx, c.To)
	case "watch":
		go d.watch(ctx, client, c)
	case "elect":
		go d.elect(ctx, client, c)
	default:
		return message{}, fmt.Errorf("%w: %s", errInvalid, c.Do)
	}
	return message{}, nil
}

// cancellable gives an acquire a context that a later cancel command can end.
func (d *driver) cancellable(c *command) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c.ctx, d.cancels[c.Lease] = context.WithCancel(context.Background())
}

func millis(n int) time.Duration { return time.Duration(n) * time.Millisecond }

func (d *driver) client(c command) error {
	client, err := lockd.New(lockd.Config{
		Addresses: c.Addresses, Holder: c.Holder, Session: c.Session, RequestTimeout: millis(c.Timeout),
		TokenFile: c.TokenFile, CAFile: c.CAFile, CertFile: c.CertFile, KeyFile: c.KeyFile,
	})
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clients[c.Client] = client
	return nil
}

func (d *driver) acquire(ctx context.Context, client *lockd.Client, c command) (message, error) {
	l, err := client.Acquire(ctx, c.Name, lockd.AcquireOptions{
		TTL: millis(c.TTL), Wait: millis(c.Wait), Limit: c.Limit, Priority: c.Priority, Meta: c.Meta,
		Reclaim: c.Reclaim,
	})
	if err != nil {
		return message{}, err
	}
	l.KeepAliveWhile(func() bool { return c.Keep })
	d.mu.Lock()
	d.leases[c.Lease] = l
	d.mu.Unlock()
	context.AfterFunc(l.Context(), func() {
		if errors.Is(context.Cause(l.Context()), lockd.ErrLost) {
			d.write(message{Event: "lost", Lease: c.Lease})
		}
	})
	return message{Token: l.Token, Slot: l.Slot}, nil
}

func (d *driver) watch(ctx context.Context, client *lockd.Client, c command) {
	for e, err := range client.Watch(ctx, lockd.WatchOptions{Name: c.Name}) {
		if err != nil {
			d.write(message{Event: "watched", Client: c.Client, Type: "error", Detail: err.Error()})
			return
		}
		d.write(message{Event: "watched", Client: c.Client, Type: e.Type, Name: e.Name, Token: e.Token})
	}
}

func (d *driver) elect(ctx context.Context, client *lockd.Client, c command) {
	err := client.Elect(ctx, c.Name, lockd.AcquireOptions{TTL: millis(c.TTL)}, func(ctx context.Context, l *lockd.Lease) error {
		d.write(message{Event: "leads", Client: c.Client, Token: l.Token})
		<-ctx.Done()
		d.write(message{Event: "resigned", Client: c.Client})
		return nil
	})
	d.write(message{Event: "elected no more", Client: c.Client, Result: result(err)})
}
