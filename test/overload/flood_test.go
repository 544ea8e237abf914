package overload

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// orders are what a flooding process is told.
type orders struct {
	Nodes  []string
	Rate   int // acquires a second that are begun
	For    time.Duration
	Open   int // requests that may be open at once; what comes beyond is counted as unsent
	Prefix string
}

// tally is what came of it.
type tally struct {
	Begun, Unsent, Granted, Refused, Unknown int64
	SlowestRefusal                           time.Duration
	Wrong                                    []string // answers that say neither
}

const ordersVariable = "LOCKD_TEST_FLOOD"

// flood runs the orders that the environment holds, and prints what came of them.
func flood(told string) error {
	var o orders
	if err := json.Unmarshal([]byte(told), &o); err != nil {
		return err
	}
	// The nodes come first: they would have these processors to themselves.
	if err := syscall.Setpriority(syscall.PRIO_PROCESS, 0, 15); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(o.run())
}

func (o *orders) run() *tally {
	client := &http.Client{
		Timeout:   5 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: o.Open},
	}
	var t tally
	var mu sync.Mutex // guards Wrong and SlowestRefusal
	var open atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	for n := int64(0); time.Since(began) < o.For; n++ {
		if ahead := time.Duration(n)*time.Second/time.Duration(o.Rate) - time.Since(began); ahead > time.Millisecond {
			time.Sleep(ahead)
		}
		t.Begun++
		if open.Load() >= int64(o.Open) {
			t.Unsent++
			continue
		}
		open.Add(1)
		all.Go(func() {
			defer open.Add(-1)
			sent := time.Now()
			status, body, err := acquire(client, o.Nodes[n%int64(len(o.Nodes))], fmt.Sprintf("%s%d", o.Prefix, n))
			switch took := time.Since(sent); {
			case err != nil || status == http.StatusGatewayTimeout:
				atomic.AddInt64(&t.Unknown, 1)
			case status == http.StatusCreated:
				atomic.AddInt64(&t.Granted, 1)
			case (status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests) && strings.Contains(body, `"definitive":true`):
				atomic.AddInt64(&t.Refused, 1)
				mu.Lock()
				t.SlowestRefusal = max(t.SlowestRefusal, took)
				mu.Unlock()
			default:
				mu.Lock()
				if len(t.Wrong) < 5 {
					t.Wrong = append(t.Wrong, fmt.Sprintf("%d %s", status, body))
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return &t
}

func acquire(client *http.Client, node, name string) (status int, body string, err error) {
	asked := fmt.Sprintf(`{"holder":"flood","session":"session-of-%s","ttl_ms":1000}`, name)
	resp, err := client.Post("http://"+node+"/v1/leases/"+name+"/acquire", "application/json", strings.NewReader(asked))
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(raw), err
}

// startFlood runs a flood in a process of its own; what came of it is known at its end.
func startFlood(t *testing.T, o orders) func() *tally {
	t.Helper()
	told, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(context.Background(), o.For+time.Minute)
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), ordersVariable+"="+string(told))
	var out, failed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &failed
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(stop)
	return func() *tally {
		t.Helper()
		if err := <-ended; err != nil {
			t.Fatalf("the flood: %v\n%s", err, failed.String())
		}
		var got tally
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		return &got
	}
}
