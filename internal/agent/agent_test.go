package agent_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/agent"
	"github.com/lockd/lockd/lockdtest"
)

const (
	patience = time.Minute
	name     = "service"
)

// A member is a running agent with its HTTP server.
type member struct {
	t    *testing.T
	url  string
	stop context.CancelFunc
	over chan error
}

// start runs an agent that reaches the cluster at an address.
func start(t *testing.T, address, holder string, change func(*agent.Options)) *member {
	t.Helper()
	metrics := agent.NewMetrics()
	c, err := lockd.New(lockd.Config{Addresses: []string{address}, Holder: holder, LeaderMetrics: metrics})
	if err != nil {
		t.Fatal(err)
	}
	opts := agent.Options{Name: name, Metrics: metrics, Acquire: lockd.AcquireOptions{TTL: 2 * time.Second}, OnChange: func(string) {}}
	if change != nil {
		change(&opts)
	}
	a := agent.New(c, opts)
	ctx, stop := context.WithCancel(context.Background())
	server := httptest.NewServer(a.Handler())
	m := &member{t: t, url: server.URL, stop: stop, over: make(chan error, 1)}
	go func() { m.over <- a.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		server.CloseClientConnections()
		server.Close()
	})
	return m
}

// get returns the status code and the body of a response.
func (m *member) get(path string) (int, agent.Status) {
	m.t.Helper()
	resp, err := http.Get(m.url + path)
	if err != nil {
		m.t.Fatal(err)
	}
	defer resp.Body.Close()
	var s agent.Status
	if err := json.NewDecoder(resp.Body).Decode(&s); err != nil {
		m.t.Fatal(err)
	}
	return resp.StatusCode, s
}

// text returns the body of a response.
func (m *member) text(path string) string {
	m.t.Helper()
	resp, err := http.Get(m.url + path)
	if err != nil {
		m.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		m.t.Fatal(err)
	}
	return string(b)
}

func (m *member) names(leader string) func() bool {
	return func() bool {
		code, s := m.get("/")
		return s.Name == leader && (code == 200) == (leader != "")
	}
}

func (m *member) answers(path string, want int) func() bool {
	return func() bool {
		code, _ := m.get(path)
		return code == want
	}
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("timed out waiting for: %s", what)
		}
	}
}

func TestAllAgentsReportTheLeaderAndOnlyItLeads(t *testing.T) {
	server := lockdtest.Start(t)
	one := start(t, server.Address, "one", nil)
	until(t, "one to lead", one.answers("/leader", 200))
	two := start(t, server.Address, "two", nil)
	until(t, "two to be ready", two.answers("/readyz", 200))
	until(t, "two to name one", two.names("one"))
	_, first := one.get("/")
	_, second := two.get("/")
	if !first.Leading || second.Leading || first.Token == 0 || first.Token != second.Token || first.Lease != name || second.Holder != "two" {
		t.Errorf("one answers %+v, two %+v", first, second)
	}
	if !two.answers("/leader", 503)() || !one.answers("/readyz", 200)() || !two.answers("/healthz", 200)() {
		t.Error("a standby leads, or an agent is not ready")
	}
	for m, want := range map[*member]string{one: "1", two: "0"} {
		text := m.text("/metrics")
		for _, line := range []string{`leader_election_master_status{name="` + name + `"} ` + want, `leader_election_slowpath_total{name="` + name + `"} `} {
			if !strings.Contains(text, "\n"+line) {
				t.Errorf("the metrics do not have %q:\n%s", line, text)
			}
		}
	}
}

func TestPartitionedLeaderStopsReportingItselfBeforeAnotherLeads(t *testing.T) {
	server := lockdtest.Start(t)
	link := server.NewLink()
	one := start(t, link.Address, "one", nil)
	until(t, "one to lead", one.answers("/leader", 200))
	two := start(t, server.Address, "two", nil)
	until(t, "two to name one", two.names("one"))
	link.Silence()
	until(t, "two to lead", two.answers("/leader", 200))
	if !one.names("")() || !one.answers("/leader", 503)() {
		code, s := one.get("/")
		t.Errorf("two leads, and one answers %d %+v", code, s)
	}
	until(t, "one to be not ready", one.answers("/readyz", 503))
	link.Restore()
	link.Cut()
	until(t, "one to name two", one.names("two"))
}

func TestPartitionedStandbyReportsNoLeader(t *testing.T) {
	server := lockdtest.Start(t)
	link := server.NewLink()
	one := start(t, server.Address, "one", nil)
	until(t, "one to lead", one.answers("/leader", 200))
	two := start(t, link.Address, "two", nil)
	until(t, "two to name one", two.names("one"))
	link.Silence()
	until(t, "two to name no leader", two.names(""))
	until(t, "two to be not ready", two.answers("/readyz", 503))
	if !one.answers("/leader", 200)() {
		t.Error("one does not lead any more")
	}
}

func TestOnlyAHealthyServiceLeads(t *testing.T) {
	server := lockdtest.Start(t)
	var unhealthy atomic.Bool
	unhealthy.Store(true)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if unhealthy.Load() {
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	t.Cleanup(service.Close)
	one := start(t, server.Address, "one", func(o *agent.Options) { o.Check = agent.Get(service.Client(), service.URL) })
	until(t, "one to be ready", one.answers("/readyz", 200))
	two := start(t, server.Address, "two", nil)
	until(t, "two to lead, although one started first", two.answers("/leader", 200))
	waiting := func(n int) func() bool {
		return func() bool {
			s, err := server.Client(lockd.Config{}).Get(t.Context(), name)
			return err == nil && s.QueueLength == n
		}
	}
	unhealthy.Store(false)
	until(t, "one to wait", waiting(1))
	unhealthy.Store(true)
	until(t, "one to leave the queue", waiting(0))
	unhealthy.Store(false)
	until(t, "one to wait again", waiting(1))
	two.stop()
	until(t, "one to lead", one.answers("/leader", 200))
	three := start(t, server.Address, "three", nil)
	unhealthy.Store(true)
	until(t, "three to lead", three.answers("/leader", 200))
	if !one.answers("/leader", 503)() {
		t.Error("one and three lead at the same time")
	}
}

func TestStepDownLetsTheNextCandidateLead(t *testing.T) {
	server := lockdtest.Start(t)
	one := start(t, server.Address, "one", nil)
	until(t, "one to lead", one.answers("/leader", 200))
	two := start(t, server.Address, "two", nil)
	c := server.Client(lockd.Config{})
	until(t, "two to wait", func() bool {
		s, err := c.Get(t.Context(), name)
		return err == nil && s.QueueLength == 1
	})
	_, s := one.get("/")
	if _, err := c.AskToStepDown(t.Context(), name, lockd.StepDownOptions{Token: s.Token}); err != nil {
		t.Fatal(err)
	}
	until(t, "two to lead", two.answers("/leader", 200))
	until(t, "one to name two", one.names("two"))
}

func TestAgentYieldsAfterAStepDownRequest(t *testing.T) {
	server := lockdtest.Start(t)
	one := start(t, server.Address, "one", func(o *agent.Options) { o.YieldFor = time.Hour })
	until(t, "one to lead", one.answers("/leader", 200))
	c := server.Client(lockd.Config{Holder: "two"})
	_, s := one.get("/")
	if _, err := c.AskToStepDown(t.Context(), name, lockd.StepDownOptions{Token: s.Token}); err != nil {
		t.Fatal(err)
	}
	until(t, "two to acquire the free lease", func() bool {
		_, err := c.Acquire(t.Context(), name, lockd.AcquireOptions{})
		return err == nil
	})
}

func TestFollowerReceivesTheLeaderAndItsEnd(t *testing.T) {
	server := lockdtest.Start(t)
	link := server.NewLink()
	one := start(t, link.Address, "one", nil)
	until(t, "one to lead", one.answers("/leader", 200))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, one.url+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	next := func() (s agent.Status) {
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				if err := json.Unmarshal([]byte(data), &s); err != nil {
					t.Fatal(err)
				}
				return s
			}
		}
		t.Fatal("the stream has ended", lines.Err())
		return s
	}
	if s := next(); s.Name != "one" || !s.Leading {
		t.Errorf("the first event is %+v", s)
	}
	link.Silence()
	if s := next(); s.Name != "" || s.Leading {
		t.Errorf("the second event is %+v", s)
	}
}

func TestAgentReleasesAtItsEndOnlyWithReleaseAtEnd(t *testing.T) {
	for _, release := range []bool{false, true} {
		server := lockdtest.Start(t)
		one := start(t, server.Address, "one", func(o *agent.Options) { o.ReleaseAtEnd, o.Acquire.TTL = release, time.Minute })
		until(t, "one to lead", one.answers("/leader", 200))
		one.stop()
		if err := <-one.over; !errors.Is(err, context.Canceled) {
			t.Errorf("it ended with %v", err)
		}
		if !one.names("")() {
			t.Error("it names a leader after its end")
		}
		s, err := server.Client(lockd.Config{}).Get(t.Context(), name)
		if err != nil || (s.State == "free") != release {
			t.Errorf("released: %t, want %t, %v", s.State == "free", release, err)
		}
	}
}

func TestInvalidCallEndsTheAgent(t *testing.T) {
	one := start(t, lockdtest.Start(t).Address, "one", func(o *agent.Options) { o.Name = "no name" })
	if err := <-one.over; err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
}
