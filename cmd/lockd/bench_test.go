package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/load"
	"github.com/lockd/lockd/internal/load/leases"
	"github.com/lockd/lockd/internal/load/report"
	"github.com/lockd/lockd/lockdtest"
)

// held returns the number of held leases of the load.
func held(t *testing.T, server *lockdtest.Server) (n int) {
	t.Helper()
	for s, err := range server.Client(lockd.Config{}).All(t.Context(), lockd.ListOptions{Prefix: benchPrefix}) {
		if err != nil {
			t.Fatal(err)
		}
		n += len(s.Holders)
	}
	return n
}

func TestBenchMeasuresAndReleasesItsLeases(t *testing.T) {
	server := lockdtest.Start(t)
	for _, work := range []string{"acquire", "renew", "read"} {
		for _, more := range []string{"", " --rate 200"} {
			line := "bench --work " + work + " --clients 3 --duration 200ms -o json --names bench.mine. --addr " + server.Address + more
			r := command("", strings.Fields(line)...)
			var got report.Report
			if err := json.Unmarshal([]byte(r.out), &got); err != nil || r.code != exitOK {
				t.Fatalf("%s: exit %d: %s%s", line, r.code, r.out, r.errOut)
			}
			if got.Done == 0 || got.Errors > 0 || got.P99 <= 0 || got.Work != work || got.Clients != 3 {
				t.Errorf("%s: %+v", line, got)
			}
			if more != "" && got.Done+got.NotBegun != 40 {
				t.Errorf("%s: %d done and %d not begun of 40 in 200ms", line, got.Done, got.NotBegun)
			}
			if n := held(t, server); n > 0 {
				t.Errorf("%s: %d leases are left", line, n)
			}
		}
	}
}

func TestInterruptedBenchPrintsItsResultAndReleasesItsLeases(t *testing.T) {
	server := lockdtest.Start(t)
	client := server.Client(lockd.Config{})
	const enough = 100 // changes; each cycle makes two
	runs := func() bool {
		c, err := client.Cluster(t.Context())
		return err == nil && c.Revision > enough
	}
	for _, tt := range []struct {
		work  string
		begun func() bool
	}{{"acquire", runs}, {"renew", func() bool { return held(t, server) == 3 }}} {
		ctx, cancel := context.WithCancel(t.Context())
		var out, errOut bytes.Buffer
		code := make(chan int)
		go func() {
			line := "bench --work " + tt.work + " --clients 3 --duration 1h --addr " + server.Address
			code <- execute(ctx, strings.Fields(line), strings.NewReader(""), &out, &errOut)
		}()
		until(t, tt.work, tt.begun)
		cancel()
		if c := <-code; tt.work == "acquire" && (c != exitOK || !strings.Contains(squeeze(out.String()), "\nacquire 3 ")) {
			t.Errorf("%s: exit %d: %s%s", tt.work, c, out.String(), errOut.String())
		}
		if n := held(t, server); n > 0 {
			t.Errorf("%s: %d leases are left", tt.work, n)
		}
	}
}

// Figures are most wanted when a cluster fails during a measurement.
func TestBenchThatCannotReleaseItsLeasesPrintsItsResult(t *testing.T) {
	server := lockdtest.Start(t)
	to, err := url.Parse(server.Address)
	if err != nil {
		t.Fatal(err)
	}
	node := httputil.NewSingleHostReverseProxy(to)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/sessions/release" {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		node.ServeHTTP(w, r)
	}))
	defer proxy.Close()
	r := command("", strings.Fields("bench --work renew --clients 3 --duration 200ms --addr "+proxy.URL)...)
	if r.code == exitOK || !strings.Contains(squeeze(r.out), "\nrenew 3 ") || !strings.Contains(r.errOut, "not all leases were released") {
		t.Errorf("exit %d: %s%s", r.code, r.out, r.errOut)
	}
}

func TestFailedBenchReleasesWhatItMayHaveAcquired(t *testing.T) {
	n := newNode(t, map[string]answer{"POST /v1/sessions/release": {body: "{}"}}) // and of unknown leases
	if r := n.command("bench", "--clients", "1", "--duration", "100ms"); r.code != exitFailed || !strings.Contains(r.errOut, "not-found") {
		t.Errorf("exit %d: %s%s", r.code, r.out, r.errOut)
	}
	if last := n.requests[len(n.requests)-1]; !strings.HasPrefix(last, "POST /v1/sessions/release ") {
		t.Errorf("the last request was %s", last)
	}
}

func TestBenchRefusesHarmfulOptions(t *testing.T) {
	for line, want := range map[string]string{
		"bench --names billing.":          "must be a text that begins with bench.",
		"bench --work write":              "must be one of acquire, renew, read",
		"bench --clients 0":               "must be a whole number from 1 to 1024",
		"bench --clients 1025":            "must be a whole number from 1 to 1024",
		"bench --duration 1ms":            "must be a duration from 100ms to 1h",
		"bench --rate 0":                  "must be a whole number from 1",
		"bench --clients 1000 --rate 49":  "--rate 49 is too low for 1000 clients",
		"bench billing":                   "too many arguments",
		"bench --work read --duration 2h": "must be a duration from 100ms to 1h",
	} {
		if r := command("", strings.Fields(line)...); r.code != exitUsage || !strings.Contains(r.errOut, want) {
			t.Errorf("%s: exit %d, want %q: %s", line, r.code, want, r.errOut)
		}
	}
}

func TestErrorShareCountsAllOperations(t *testing.T) {
	b := report.New(leases.Config{Work: leases.Read, Clients: 2}, load.Result{
		Count: 30, Errors: 10, FirstErr: errors.New("refused"), Took: time.Second, P50: 1500 * time.Microsecond,
	})
	if b.Share != 0.25 || b.Second != 30 || b.P50 != 1.5 {
		t.Errorf("%+v", b)
	}
	if row := strings.Join(b.Table().Rows[0], " "); !strings.Contains(row, " 25.00% ") || !strings.HasSuffix(row, " refused") {
		t.Error(row)
	}
}
