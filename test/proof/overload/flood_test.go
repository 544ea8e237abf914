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

// orders configures a flooding process.
type orders struct {
	Nodes  []string
	Rate   int // acquires per second
	For    time.Duration
	Open   int // limit of open requests; acquires above it are counted as unsent
	Prefix string
}

// tally is the result of a flood.
type tally struct {
	mu sync.Mutex

	Begun, Unsent, Granted, Refused, Unknown int64
	SlowestRefusal                           time.Duration
	Wrong                                    []string // responses that are neither a grant nor a refusal
}

const ordersVariable = "LOCKD_TEST_FLOOD"

// flood runs the orders in the environment and prints the tally.
func flood(raw string) error {
	var o orders
	if err := json.Unmarshal([]byte(raw), &o); err != nil {
		return err
	}
	// The nodes have a higher priority, because in production they do not share processors with clients.
	if err := syscall.Setpriority(syscall.PRIO_PROCESS, 0, 15); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(o.run())
}

func (o *orders) run() *tally {
	t := &tally{}
	slots := make(chan int64)
	var all sync.WaitGroup
	for i := range o.Open {
		all.Go(func() { o.ask(o.Nodes[i%len(o.Nodes)], slots, t) })
	}
	began := time.Now()
	for n := int64(0); time.Since(began) < o.For; n++ {
		if ahead := time.Duration(n)*time.Second/time.Duration(o.Rate) - time.Since(began); ahead > time.Millisecond {
			time.Sleep(ahead)
		}
		t.Begun++
		select {
		case slots <- n:
		default:
			t.Unsent++
		}
	}
	close(slots)
	all.Wait()
	return t
}

// ask sends an acquire for each slot that it receives, on its own connection. It writes HTTP by hand, because the
// flood must cost the machine less than the nodes do.
func (o *orders) ask(node string, slots <-chan int64, t *tally) {
	var conn net.Conn
	var answers *bufio.Reader
	defer func() {
		if conn != nil {
			conn.Close()
		}
	}()
	for n := range slots {
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

// patience is the time limit for a response.
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

// startFlood starts a flood in its own process. The returned function waits for its result.
func startFlood(t *testing.T, o orders) func() *tally {
	t.Helper()
	raw, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(context.Background(), o.For+time.Minute)
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), ordersVariable+"="+string(raw))
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
