package app_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/lockd/lockd/internal/app"
	"github.com/lockd/lockd/test/harness/inprocess"
	"github.com/lockd/lockd/test/harness/nodes"
)

// nameServer is a DNS server on loopback.
type nameServer struct {
	t    *testing.T
	conn net.PacketConn

	mu      sync.Mutex
	records map[string][]dnsmessage.ResourceBody
}

func newNameServer(t *testing.T) *nameServer {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &nameServer{t: t, conn: conn, records: make(map[string][]dnsmessage.ResourceBody)}
	var done sync.WaitGroup
	done.Go(s.serve)
	t.Cleanup(func() {
		conn.Close()
		done.Wait()
	})
	return s
}

// resolver returns a resolver that uses only this server.
func (s *nameServer) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", s.conn.LocalAddr().String())
	}}
}

func (s *nameServer) set(name string, records ...dnsmessage.ResourceBody) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records[name+"."] = records
}

func (s *nameServer) serve() {
	buf := make([]byte, 1_500)
	for {
		n, from, err := s.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		answer, err := s.answer(buf[:n])
		if err != nil {
			s.t.Errorf("the DNS server received %x: %v", buf[:n], err)
			continue
		}
		if _, err := s.conn.WriteTo(answer, from); err != nil {
			return
		}
	}
}

func (s *nameServer) answer(query []byte) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil {
		return nil, err
	}
	q := m.Questions[0]
	s.mu.Lock()
	records, known := s.records[q.Name.String()]
	s.mu.Unlock()
	m.Header.Response, m.Additionals = true, nil
	if !known {
		m.Header.RCode = dnsmessage.RCodeNameError
	}
	for _, r := range records {
		h := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET}
		if typeOf(r) == q.Type {
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: r})
		}
	}
	return m.Pack()
}

func typeOf(r dnsmessage.ResourceBody) dnsmessage.Type {
	switch r.(type) {
	case *dnsmessage.AResource:
		return dnsmessage.TypeA
	case *dnsmessage.SRVResource:
		return dnsmessage.TypeSRV
	}
	return 0
}

func host(ip string) *dnsmessage.AResource {
	return &dnsmessage.AResource{A: netip.MustParseAddr(ip).As4()}
}

// service returns the SRV record of a member.
func service(m *inprocess.Node) *dnsmessage.SRVResource {
	return &dnsmessage.SRVResource{
		Target: dnsmessage.MustNewName("localhost."), Port: netip.MustParseAddrPort(m.Config.PeerAddr).Port(),
	}
}

// TestNodesFindOneAnotherByServiceName: three nodes have only a service name. Its records are added one at a time, as
// when pods start one after another. When it has all three nodes, they bootstrap a cluster, and a fourth node joins it.
func TestNodesFindOneAnotherByServiceName(t *testing.T) {
	const name = "_lockd._tcp.example.test"
	names := newNameServer(t)
	c := inprocess.NewCluster(t)
	t.TempDir() // the first directory is removed last, after the nodes have stopped
	byName := func(cfg *app.Config) { cfg.Join, cfg.Resolver = []string{"srv:" + name}, names.resolver() }
	var records []dnsmessage.ResourceBody
	for i := range 3 {
		m := c.Add(fmt.Sprintf("n%d", i), byName)
		m.Config.BootstrapExpect = 3
		m.Start()
	}
	nodes.Eventually(t, "the unknown name is logged", func() bool {
		return strings.Contains(c.Log.String(), "there is no such name")
	})
	for _, m := range c.Nodes {
		records = append(records, service(m))
		names.set(name, records...)
	}
	c.WaitReady()
	c.Agree()

	fourth := c.Add("n3", byName)
	fourth.Start()
	c.WaitReady()
	if nodes := fourth.Get("/v1/cluster").Body["nodes"].([]any); len(nodes) != 4 {
		t.Errorf("the cluster has %d members", len(nodes))
	}
}

// TestNodesFindOneAnotherByHostName: each address of a host name is a node, all with the same port.
func TestNodesFindOneAnotherByHostName(t *testing.T) {
	names := newNameServer(t)
	_, port, _ := net.SplitHostPort(nodes.FreeAddress(t))
	ips := []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"}
	for _, ip := range ips {
		l, err := net.Listen("tcp", net.JoinHostPort(ip, port))
		if err != nil {
			t.Skipf("this host has no second loopback address: %v", err)
		}
		l.Close()
	}
	names.set("lockd.example.test", host(ips[0]), host(ips[1]), host(ips[2]))
	i := -1
	c := inprocess.Start(t, 3, func(cfg *app.Config) {
		i++
		cfg.PeerAddr = net.JoinHostPort(ips[i], port)
		cfg.Resolver = names.resolver()
	}, "dns:lockd.example.test:"+port)
	c.Agree()
}

// TestNodeThatExpectsOnlyItselfIsAClusterOfOne: a node does not wait for others if its list of nodes has only itself.
func TestNodeThatExpectsOnlyItselfIsAClusterOfOne(t *testing.T) {
	c := inprocess.Start(t, 1, func(cfg *app.Config) { cfg.BootstrapExpect, cfg.Join = 1, []string{cfg.PeerAddr} })
	c.Leader().Post("/v1/leases/job/acquire", nodes.In{"holder": "w1"}).Want(t, 201)
}

// TestNodeWithoutDataDoesNotBootstrapByItsOwnAddress: all nodes may join by the address of one node, also that node
// itself. If it has lost its data, it must not bootstrap a second cluster.
func TestNodeWithoutDataDoesNotBootstrapByItsOwnAddress(t *testing.T) {
	c := inprocess.NewCluster(t)
	m := c.Add("n0", func(cfg *app.Config) { cfg.Join = []string{cfg.PeerAddr} })
	m.Start()
	nodes.Eventually(t, "the node logs that it waits", func() bool { return strings.Contains(c.Log.String(), "waiting for a member among") })
	if err := m.App.Node().Ready(); err == nil {
		t.Error("the node bootstrapped a second cluster")
	}
}

// TestHTTPAddressInJoinIsExplained: a node that is to join by the address for clients reports the address to use.
func TestHTTPAddressInJoinIsExplained(t *testing.T) {
	c := inprocess.Start(t, 1, nil)
	wrong := c.Nodes[0].Config.HTTPAddr
	m := c.Add("n1", func(cfg *app.Config) { cfg.Join = []string{wrong} })
	m.Start()
	nodes.Eventually(t, "the node reports its wrong address to join", func() bool {
		return strings.Contains(m.Get("/readyz").Raw, "use the node's peer address, port 7401")
	})
	if !strings.Contains(c.Log.String(), wrong) {
		t.Error("the log does not contain the address")
	}
}
