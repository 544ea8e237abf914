package overload

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
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
	mu sync.Mutex

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
	t := &tally{}
	turns := make(chan int64)
	var all sync.WaitGroup
	for i := range o.Open {
		all.Go(func() { o.ask(o.Nodes[i%len(o.Nodes)], turns, t) })
	}
	began := time.Now()
	for n := int64(0); time.Since(began) < o.For; n++ {
		if ahead := time.Duration(n)*time.Second/time.Duration(o.Rate) - time.Since(began); ahead > time.Millisecond {
			time.Sleep(ahead)
		}
		t.Begun++
		select {
		case turns <- n:
		default:
			t.Unsent++
		}
	}
	close(turns)
	all.Wait()
	return t
}

// ask sends an acquire for each turn that it gets, on a connection of its own. It
// speaks HTTP by hand: a flood that costs the machine more than the nodes do is none.
func (o *orders) ask(node string, turns <-chan int64, t *tally) {
	var conn net.Conn
	var answers *bufio.Reader
	defer func() {
		if conn != nil {
			conn.Close()
		}
	}()
	for n := range turns {
		sent := time.Now()
		status, body, err := 0, "", error(nil)
		if conn == nil {
			if conn, err = net.DialTimeout("tcp", node, patience); err == nil {
				answers = bufio.NewReader(conn)
			}
		}
		if err == nil {
			status, body, err = acquire(conn, answers, fmt.Sprintf("%s%d", o.Prefix, n))
		}
		if err != nil && conn != nil {
			conn.Close()
			conn = nil
		}
		t.count(status, body, err, time.Since(sent))
	}
}

// patience is how long an answer is waited for.
const patience = 5 * time.Second

func acquire(conn net.Conn, answers *bufio.Reader, name string) (status int, body string, err error) {
	asked := fmt.Sprintf(`{"holder":"flood","session":"session-of-%s","ttl_ms":1000}`, name)
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return 0, "", err
	}
	if _, err := fmt.Fprintf(conn, "POST /v1/leases/%s/acquire HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		name, len(asked), asked); err != nil {
		return 0, "", err
	}
	resp, err := http.ReadResponse(answers, nil)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(raw), err
}

func (t *tally) count(status int, body string, err error, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err != nil || status == http.StatusGatewayTimeout:
		t.Unknown++
	case status == http.StatusCreated:
		t.Granted++
	case (status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests) && strings.Contains(body, `"definitive":true`):
		t.Refused++
		t.SlowestRefusal = max(t.SlowestRefusal, took)
	case len(t.Wrong) < 5:
		t.Wrong = append(t.Wrong, fmt.Sprintf("%d %s", status, body))
	}
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
