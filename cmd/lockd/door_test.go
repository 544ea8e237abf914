package main

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// A door forwards connections to a node. While it is closed nothing listens at its address.
type door struct {
	t       *testing.T
	to      string
	address string

	mu       sync.Mutex
	listener net.Listener
	conns    []net.Conn
}

func openDoor(t *testing.T, to string) *door {
	t.Helper()
	d := &door{t: t, to: strings.TrimPrefix(to, "http://"), address: "127.0.0.1:0"}
	d.open()
	t.Cleanup(d.close)
	return d
}

func (d *door) open() {
	d.t.Helper()
	l, err := net.Listen("tcp", d.address)
	if err != nil {
		d.t.Fatal(err)
	}
	d.mu.Lock()
	d.listener, d.address = l, l.Addr().String()
	d.mu.Unlock()
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", d.to)
			if err != nil {
				from.Close()
				continue
			}
			d.mu.Lock()
			d.conns = append(d.conns, from, to)
			d.mu.Unlock()
			go func() { _, _ = io.Copy(to, from); to.Close() }()
			go func() { _, _ = io.Copy(from, to); from.Close() }()
		}
	}()
}

func (d *door) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.listener.Close()
	for _, c := range d.conns {
		c.Close()
	}
	d.conns = nil
}
