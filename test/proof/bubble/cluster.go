package bubble

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/lockd/lockd/internal/app"
)

// cluster is a set of nodes and their network.
type cluster struct {
	network *network
	members []*member
	log     *slog.Logger
}

// member is one node, running or stopped.
type member struct {
	host   string
	cfg    app.Config
	disk   *disk
	app    *app.App
	cancel context.CancelFunc
	done   chan error
}

const (
	httpPort = "7400"
	peerPort = "7401"
)

func newCluster(dir string, count int, delay func() time.Duration, log *slog.Logger) *cluster {
	c := &cluster{network: newNetwork(delay), log: log}
	var join []string
	for i := range count {
		host := fmt.Sprintf("n%d", i)
		join = append(join, net.JoinHostPort(host, peerPort))
		c.members = append(c.members, &member{host: host, disk: &disk{}, cfg: app.Config{
			NodeID: host, DataDir: filepath.Join(dir, host), HTTPAddr: net.JoinHostPort(host, httpPort),
			PeerAddr: net.JoinHostPort(host, peerPort), BootstrapExpect: count, DrainTimeout: time.Second,
			Snapshots: app.Snapshots{SnapshotThreshold: 256, SnapshotInterval: 10 * time.Second, TrailingLogs: 64}, Limits: app.Limits{MaxConnsPerIP: 100_000, MaxWaitsPerIP: 100_000},
			Security: app.Security{Insecure: true},
			Listen:   c.network.listen, Dial: c.network.dialFrom(host), Logging: app.Logging{Log: log.With("at", host)},
		}})
	}
	for _, m := range c.members {
		m.cfg.Join = join
	}
	return c
}

func (c *cluster) start(m *member) error {
	cfg := m.cfg
	cfg.Disk = m.disk.fresh()
	a, err := app.New(cfg)
	if err != nil {
		return fmt.Errorf("starting %s: %w", m.host, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.app, m.cancel, m.done = a, cancel, make(chan error, 1)
	go func() { m.done <- a.Run(ctx) }()
	return nil
}

// stop stops a node as SIGTERM does.
func (c *cluster) stop(m *member) error {
	m.cancel()
	err := <-m.done
	m.app = nil
	return err
}

// crash stops a node as a power failure does: it sends nothing more, and loses its unfinished writes.
func (c *cluster) crash(m *member) {
	for _, o := range c.members {
		if o != m {
			c.network.cutOff(m.host, o.host, 1)
			c.network.cutOff(o.host, m.host, 1)
		}
	}
	c.network.cutOff(m.host, clientHost, 1)
	m.disk.lose()
	c.network.reset(m.host)
	m.cancel()
	_ = <-m.done // the error of a crashed node is expected
	m.app = nil
	c.network.reset(m.host)
	for _, o := range c.members {
		if o != m {
			c.network.cutOff(m.host, o.host, -1)
			c.network.cutOff(o.host, m.host, -1)
		}
	}
	c.network.cutOff(m.host, clientHost, -1)
}

func (c *cluster) close() {
	for _, m := range c.members {
		m.disk.resume()
	}
	var all sync.WaitGroup
	for _, m := range c.members {
		if m.app != nil {
			all.Go(func() { _ = c.stop(m) }) // a node that stopped because of a fault is checked elsewhere
		}
	}
	all.Wait()
	for _, m := range c.members {
		c.network.reset(m.host)
	}
}

func (c *cluster) running() (up []*member) {
	for _, m := range c.members {
		if m.app != nil {
			up = append(up, m)
		}
	}
	return up
}

// leader returns the leader if it is ready, or nil.
func (c *cluster) leader() *member {
	for _, m := range c.running() {
		if s := m.app.Node().Status(); s.State == "leader" && m.app.Node().Ready() == nil {
			return m
		}
	}
	return nil
}

// agree returns nil if all nodes have applied the same entries and have the same state.
func (c *cluster) agree() error {
	var first string
	var at uint64
	for i, m := range c.members {
		if m.app == nil {
			return fmt.Errorf("%s is not running", m.host)
		}
		hash, index := m.app.Node().Hash()
		if i == 0 {
			first, at = hash, index
		}
		if hash != first || index != at {
			return fmt.Errorf("%s is at entry %d, %s at %d, or their states differ", m.host, index, c.members[0].host, at)
		}
	}
	return nil
}

// within waits up to d until ok returns nil.
func within(d time.Duration, what string, ok func() error) error {
	var err error
	for until := time.Now().Add(d); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		if err = ok(); err == nil {
			return nil
		}
	}
	return fmt.Errorf("timed out after %v waiting until %s: %w", d, what, err)
}

// clientHost is the host of all clients.
const clientHost = "clients"

// transport returns the transport of the clients.
func (c *cluster) transport() *http.Transport {
	dial := c.network.dialFrom(clientHost)
	return &http.Transport{
		DialContext:         func(ctx context.Context, _, address string) (net.Conn, error) { return dial(ctx, address) },
		MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute,
	}
}

func (c *cluster) urls() (urls []string) {
	for _, m := range c.members {
		urls = append(urls, "http://"+m.cfg.HTTPAddr)
	}
	return urls
}

// A disk can block or fail each write to the log of a node.
type disk struct {
	// mu guards the fields below.
	mu     sync.Mutex
	gate   chan struct{} // set while the disk hangs; closed when it resumes
	failed bool
	lost   bool
	writes int
}

var (
	errDisk = errors.New("input/output error")
	errLost = errors.New("power lost")
)

// fresh resets the faults and returns the write hook for a new process.
func (d *disk) fresh() func(write func() error) error {
	d.mu.Lock()
	d.failed, d.lost = false, false
	d.mu.Unlock()
	return d.write
}

func (d *disk) write(write func() error) error {
	for {
		d.mu.Lock()
		gate, failed, lost := d.gate, d.failed, d.lost
		d.writes++
		d.mu.Unlock()
		switch {
		case lost:
			return errLost
		case gate != nil:
			<-gate
			continue
		case failed:
			return errDisk
		}
		return write()
	}
}

func (d *disk) hang() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gate == nil {
		d.gate = make(chan struct{})
	}
}

// resume lets a hung disk continue.
func (d *disk) resume() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gate != nil {
		close(d.gate)
		d.gate = nil
	}
}

func (d *disk) fail() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failed = true
}

// lose simulates a power failure: hung writes are lost.
func (d *disk) lose() {
	d.mu.Lock()
	d.lost = true
	d.mu.Unlock()
	d.resume()
}
