package fencing

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
)

const (
	ttl = time.Second
	// work is the time between the read and the write of the set.
	work = 5 * time.Millisecond
	// stride is the distance between the elements of two clients.
	stride = 1_000_000
)

// settings configures a client process. It is passed in the environment.
type settings struct {
	Client int
	Nodes  []string
	Store  string
}

const settingsVariable = "LOCKD_FENCING_CLIENT"

// client is one process that adds elements to the set.
type client struct {
	settings
	lockd *lockd.Client
}

var (
	errRefused = errors.New("the store rejected the token")
	errEnded   = errors.New("the lease ended before the work started")
)

// runClient adds elements until its input ends, and prints each element that the store acknowledged.
func runClient(raw string) error {
	var c client
	err := json.Unmarshal([]byte(raw), &c.settings)
	if err == nil {
		c.lockd, err = lockd.New(lockd.Config{Addresses: c.Nodes, Holder: fmt.Sprintf("client-%d", c.Client)})
	}
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	for n := 1; ctx.Err() == nil; n++ {
		switch err := c.add(ctx, c.Client*stride+n); {
		case err == nil:
			_, err = fmt.Fprintln(os.Stdout, c.Client*stride+n)
			if err != nil {
				return err
			}
		case ctx.Err() == nil && !expected(err):
			fmt.Fprintln(os.Stderr, err)
		}
	}
	return nil
}

// expected reports whether a failure of an update is expected in these runs.
func expected(err error) bool {
	return errors.Is(err, errRefused) || errors.Is(err, errEnded) || errors.Is(err, lockd.ErrNotAcquired)
}

// add does one update under the lease: it reads the set, checks its deadline, and writes the set back with one more
// element.
func (c *client) add(ctx context.Context, element int) error {
	lease, err := c.lockd.Acquire(ctx, "set", lockd.AcquireOptions{TTL: ttl, Wait: 10 * ttl})
	if err != nil {
		return err
	}
	defer func() { _ = lease.Release(context.Background()) }() // else it expires
	set, err := c.read(ctx, lease.Token)
	if err != nil {
		return err
	}
	if lease.Remaining() <= 0 {
		return errEnded
	}
	time.Sleep(work)
	return c.write(ctx, lease.Token, append(set, element))
}

func (c *client) read(ctx context.Context, token uint64) (set []int, err error) {
	body, err := c.post(ctx, "/read", demand{Client: c.Client, Token: token})
	if err != nil {
		return nil, err
	}
	return set, json.Unmarshal(body, &set)
}

func (c *client) write(ctx context.Context, token uint64, set []int) error {
	_, err := c.post(ctx, "/write", demand{Client: c.Client, Token: token, Set: set})
	return err
}

func (c *client) post(ctx context.Context, path string, d demand) ([]byte, error) {
	body, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Store+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode == http.StatusConflict:
		return nil, errRefused
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the store returned %d %s", resp.StatusCode, body)
	}
	return body, nil
}
