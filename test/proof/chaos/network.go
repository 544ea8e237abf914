package chaos

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

const (
	switchName = "br0"
	linkName   = "eth0"
	subnetBits = 24
)

// A network is a switch in the namespace of the sandbox, and hosts connected to it.
type network struct{ hosts int }

func newNetwork() (*network, error) {
	err := run("link set lo up\nlink add "+switchName+" type bridge\nlink set "+switchName+" up\n", "ip", "-batch", "-")
	return &network{}, err
}

// A host is a network namespace with one cable to the switch.
type host struct {
	name string
	ip   string
	ns   *os.File
	port string // the end of the cable at the switch
}

func (w *network) plug(name string) (*host, error) {
	w.hosts++
	h := &host{name: name, ip: fmt.Sprintf("10.77.0.%d", w.hosts), port: "sw-" + name}
	err := run(fmt.Sprintf("netns add %[1]s\nlink add %[2]s type veth peer name %[3]s netns %[1]s\nlink set %[2]s master %[4]s up\n",
		name, h.port, linkName, switchName), "ip", "-batch", "-")
	if err != nil {
		return nil, err
	}
	err = run(fmt.Sprintf("link set lo up\naddr add %s/%d dev %s\nlink set %[3]s up\n", h.ip, subnetBits, linkName),
		"ip", "-n", name, "-batch", "-")
	if err != nil {
		return nil, err
	}
	h.ns, err = os.Open("/run/netns/" + name)
	return h, err
}

// inside runs a function in the namespace of the host. Processes and sockets that it creates stay in that namespace.
func (h *host) inside(do func() error) error {
	runtime.LockOSThread()
	home, err := os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer home.Close()
	if err := unix.Setns(int(h.ns.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter the network of %s: %w", h.name, err)
	}
	err = do()
	if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
		return back // the thread stays locked, and ends with its goroutine
	}
	runtime.UnlockOSThread()
	return err
}

func (h *host) run(input, name string, args ...string) (out string, err error) {
	err = h.inside(func() error {
		out, err = output(input, name, args...)
		return err
	})
	return out, err
}

// dial connects from the namespace of the host.
func (h *host) dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	dialer := net.Dialer{Timeout: 2 * time.Second}
	err = h.inside(func() error {
		conn, err = dialer.DialContext(ctx, network, address)
		return err
	})
	return conn, err
}
