//go:build linux

package main

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"syscall"
	"testing"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/lockdtest"
)

var answering = regexp.MustCompile(`listening on (http://\S+)`)

// answers waits for the address of the agent's HTTP server.
func (p *process) answers() (url string) {
	p.t.Helper()
	until(p.t, "an address", func() bool {
		m := answering.FindStringSubmatch(p.out.String())
		if m != nil {
			url = m[1]
		}
		return m != nil
	})
	return url
}

func status(url string) int {
	resp, err := http.Get(url)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

func TestAgentLeadsAndEndsWithoutAnError(t *testing.T) {
	server := lockdtest.Start(t)
	service := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(service.Close)
	p := start(t, server.Address, "agent", "--elect", "job", "--http", "127.0.0.1:0", "--check", service.URL, "--holder", "me", "--meta", `{"url":"u"}`, "--release-at-end")
	url := p.answers()
	until(t, "it to lead", func() bool { return status(url+"/leader") == 200 })
	l, err := server.Client(lockd.Config{}).Leader(t.Context(), "job")
	if err != nil || l.Holder != "me" || string(l.Meta) != `{"url":"u"}` {
		t.Errorf("%+v, %v", l, err)
	}
	until(t, "the log of the leadership", func() bool { return strings.Contains(p.out.String(), "lockd: job: leading, with token ") })
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != exitOK {
		t.Errorf("exit %d", code)
	}
	if l, err := server.Client(lockd.Config{}).Leader(t.Context(), "job"); err != nil || l.Holder != "" {
		t.Errorf("after its end %+v, %v", l, err)
	}
}

func TestStoppedAgentDoesNotLeadWhenItContinues(t *testing.T) {
	server := lockdtest.Start(t)
	link := server.NewLink()
	p := start(t, link.Address, "agent", "--elect", "job", "--http", "127.0.0.1:0", "--ttl", "1s")
	url := p.answers()
	until(t, "it to lead", func() bool { return status(url+"/leader") == 200 })
	p.signal(syscall.SIGSTOP)
	acquired(t, server, "job")
	link.Silence() // stopped: it receives no response
	p.signal(syscall.SIGCONT)
	if got := status(url + "/leader"); got != 503 {
		t.Errorf("another leads, and it answers %d", got)
	}
}

func TestAgentUsageErrors(t *testing.T) {
	for _, line := range []string{"agent", "agent --elect job --http nowhere", "agent --elect job --check here", "agent --elect job --ttl 1ms", "agent --elect job x"} {
		if r := command("", strings.Fields(line)...); r.code != exitUsage {
			t.Errorf("%s: exit %d: %s", line, r.code, r.errOut)
		}
	}
	server := lockdtest.Start(t)
	r := command("", "agent", "--elect", "no name", "--http", "127.0.0.1:0", "--addr", server.Address)
	if r.code != exitUsage {
		t.Errorf("a name that there cannot be: exit %d: %s", r.code, r.errOut)
	}
}
