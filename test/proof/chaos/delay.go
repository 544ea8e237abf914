package chaos

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// maxFrame is above the length of any frame: segments are not split yet, and a kernel header precedes each frame.
const maxFrame = 70 << 10

// A slow cable is a device in the cable of a host. It delays each frame by a different time, so that some frames
// overtake others.
type slowCable struct {
	host   *host
	delay  time.Duration
	ends   [2]int // sockets of the two cables that meet in the device
	ended  sync.WaitGroup
	frames atomic.Int64
	closed atomic.Bool
}

func newSlowCable(_ *world, v victims, s Step) fault {
	return &slowCable{host: v.one().host, delay: time.Duration(s.Amount) * time.Millisecond}
}

// names returns the names of the short cable from the device to the switch.
func (c *slowCable) names() (boxEnd, switchEnd string) {
	return "box-" + c.host.name, "out-" + c.host.name
}

func (c *slowCable) inject() error {
	box, out := c.names()
	err := run(fmt.Sprintf("link add %[1]s type veth peer name %[2]s\nlink set %[1]s up\nlink set %[2]s up\nlink set %[2]s master %[3]s\nlink set %[4]s nomaster\n",
		box, out, switchName, c.host.port), "ip", "-batch", "-")
	if err != nil {
		return err
	}
	for i, name := range []string{c.host.port, box} {
		if c.ends[i], err = rawSocket(name); err != nil {
			return err
		}
	}
	c.ended.Go(func() { c.carry(c.ends[0], c.ends[1]) })
	c.ended.Go(func() { c.carry(c.ends[1], c.ends[0]) })
	return nil
}

// carry forwards delayed frames from one end to the other.
func (c *slowCable) carry(from, to int) {
	buffer := make([]byte, maxFrame)
	for !c.closed.Load() {
		n, sender, err := unix.Recvfrom(from, buffer, 0)
		if err != nil {
			if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
				continue
			}
			return
		}
		if ll, ok := sender.(*unix.SockaddrLinklayer); ok && ll.Pkttype == unix.PACKET_OUTGOING {
			continue // a frame that this end sent
		}
		frame := append([]byte(nil), buffer[:n]...)
		c.frames.Add(1)
		half := int64(c.delay / 2)
		c.ended.Add(1)
		time.AfterFunc(time.Duration(half+rand.Int64N(half+1)), func() {
			defer c.ended.Done()
			if !c.closed.Load() {
				_, _ = unix.Write(to, frame)
			}
		})
	}
}

func (c *slowCable) hasEffect() (bool, error) { return c.frames.Load() > 0, nil }

func (c *slowCable) heal() error {
	box, _ := c.names()
	c.closed.Store(true)
	err := run(fmt.Sprintf("link set %s master %s\nlink del %s\n", c.host.port, switchName, box), "ip", "-batch", "-")
	c.ended.Wait()
	return errors.Join(err, unix.Close(c.ends[0]), unix.Close(c.ends[1]))
}

func (c *slowCable) effect() (string, error) {
	if c.frames.Load() == 0 {
		return "", errors.New("no frame was forwarded")
	}
	return fmt.Sprintf("%d frames were delayed", c.frames.Load()), nil
}

// rawSocket opens a socket that receives and sends whole frames of a link, with the header in which the kernel
// describes pending offloads. Reads time out periodically.
func rawSocket(link string) (int, error) {
	const all = unix.ETH_P_ALL>>8 | unix.ETH_P_ALL<<8&0xff00 // in network byte order
	at, err := net.InterfaceByName(link)
	if err != nil {
		return 0, err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, all)
	if err != nil {
		return 0, err
	}
	err = firstError(
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 50_000}),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: at.Index}),
	)
	if err != nil {
		unix.Close(fd)
	}
	return fd, err
}

func probeRawSocket() error {
	fd, err := rawSocket("lo")
	if err == nil {
		unix.Close(fd)
	}
	return err
}
