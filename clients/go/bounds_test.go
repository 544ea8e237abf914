package lockd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

const patience = 30 * time.Second

// serving returns a Client of one node with a real socket. timeout is its RequestTimeout.
func serving(t *testing.T, timeout time.Duration, h http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return mustNew(t, Config{Addresses: []string{s.URL}, RequestTimeout: timeout, RetryFor: -1})
}

// unknownAndUnread makes a write and a read. It expects the errors for responses that are not
// complete.
func unknownAndUnread(t *testing.T, c *Client) {
	t.Helper()
	begun := time.Now()
	var u *UnknownError
	if _, err := c.Acquire(background(), "job", AcquireOptions{}); !errors.As(err, &u) {
		t.Errorf("the write is %v", err)
	}
	if _, err := c.Get(background(), "job"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("the read is %v", err)
	}
	if time.Since(begun) > patience {
		t.Errorf("it took %v", time.Since(begun))
	}
}

func TestAttemptHasOneDeadlineForSlowBytes(t *testing.T) {
	unknownAndUnread(t, serving(t, 300*time.Millisecond, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		for r.Context().Err() == nil {
			fmt.Fprint(w, " ")
			w.(http.Flusher).Flush()
			time.Sleep(50 * time.Millisecond)
		}
	}))
}

func TestResponseOverTheSizeLimitIsNotRead(t *testing.T) {
	for _, status := range []int{200, 409, 500} {
		for _, length := range []string{"", "10737418240"} {
			var sent atomic.Int64
			unknownAndUnread(t, serving(t, 5*time.Second, func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/release") {
					io.WriteString(w, `{"was_held":false}`)
					return
				}
				if length != "" {
					w.Header().Set("Content-Length", length)
				}
				w.WriteHeader(status)
				for piece := []byte(strings.Repeat(" ", 64<<10)); sent.Load() < 32*maxAnswerBytes; {
					n, err := w.Write(piece)
					sent.Add(int64(n))
					if err != nil {
						return
					}
				}
			}))
			if sent.Load() > 6*maxAnswerBytes {
				t.Errorf("%d: %d bytes were taken", status, sent.Load())
			}
		}
	}
}

func TestResponseOfTheLargestSizeIsRead(t *testing.T) {
	c := serving(t, 5*time.Second, func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, goodGrant+strings.Repeat(" ", maxAnswerBytes-len(goodGrant)))
	})
	if _, err := c.Acquire(background(), "job", AcquireOptions{}); err != nil {
		t.Error(err)
	}
}

func TestWatchMessageOverTheSizeLimitIsNotRead(t *testing.T) {
	for _, piece := range []string{"data: " + strings.Repeat("x", 64<<10) + "\n", strings.Repeat("x", 64<<10)} {
		var sent atomic.Int64
		c := serving(t, 5*time.Second, func(w http.ResponseWriter, _ *http.Request) {
			for sent.Load() < 32*maxAnswerBytes {
				n, err := io.WriteString(w, piece)
				sent.Add(int64(n))
				if err != nil {
					return
				}
			}
		})
		for _, err := range c.Watch(background(), WatchOptions{Name: "job"}) {
			if !errors.Is(err, ErrUnavailable) {
				t.Errorf("got %v", err)
			}
		}
		if sent.Load() > 3*maxAnswerBytes {
			t.Errorf("%d bytes were taken", sent.Load())
		}
	}
}

func TestSizeLimitAppliesToEachMessage(t *testing.T) {
	half := "data: " + strings.Repeat("x", maxAnswerBytes/2) + "\n\n: alive\n"
	all, err := messages(strings.NewReader(strings.Repeat(half, 4)))
	if len(all) != 8 || !errors.Is(err, io.EOF) {
		t.Errorf("%d messages, %v", len(all), err)
	}
}

// unresponsiveAddress makes 127.0.0.9 an address that drops connection attempts: the backlog of its
// listener is full.
func unresponsiveAddress(t *testing.T, port int) {
	t.Helper()
	hole, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(hole) })
	at := &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 9}}
	if err := errors.Join(syscall.Bind(hole, at), syscall.Listen(hole, 0)); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		s, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { syscall.Close(s) })
		_ = syscall.Connect(s, at) // in progress
	}
}

func named(ips ...string) dialer {
	return dialer{lookup: func(context.Context, string) (all []netip.Addr, err error) {
		for _, ip := range ips {
			all = append(all, netip.MustParseAddr(ip))
		}
		return all, nil
	}}
}

func portOf(t *testing.T, s *httptest.Server) int {
	t.Helper()
	_, raw, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(raw)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func TestUnresponsiveFirstIPAddressIsSkipped(t *testing.T) {
	for _, dead := range [][]string{{"127.0.0.9"}, {"127.0.0.9", "127.0.0.9"}, {"127.0.0.2"}} { // nothing listens at 127.0.0.2
		var requests atomic.Int32
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			requests.Add(1)
			io.WriteString(w, goodGrant)
		}))
		defer s.Close()
		port := portOf(t, s)
		unresponsiveAddress(t, port)
		c := mustNew(t, Config{Addresses: []string{fmt.Sprintf("lockd.test:%d", port)}, RetryFor: -1})
		c.http = newHTTPClient(named(append(dead, "127.0.0.1")...), nil)
		if _, err := c.Acquire(background(), "job", AcquireOptions{}); err != nil || requests.Load() != 1 {
			t.Errorf("%v: %v, %d requests", dead, err, requests.Load())
		}
	}
}

// The default dialer would give each address half of 30 s.
func TestConnectToEachIPAddressHasATimeout(t *testing.T) {
	s := httptest.NewServer(held)
	defer s.Close()
	port := portOf(t, s)
	unresponsiveAddress(t, port)
	ctx := context.WithValue(background(), attemptTime{}, 300*time.Millisecond)
	begun := time.Now()
	if _, err := named("127.0.0.9").dial(ctx, "tcp", fmt.Sprintf("lockd.test:%d", port)); err == nil {
		t.Error("the unresponsive address accepted a connection")
	}
	if time.Since(begun) > patience/2 {
		t.Errorf("it took %v", time.Since(begun))
	}
}

func TestNothingIsSentIfNoTimeIsLeftForAnAnswer(t *testing.T) {
	for _, delay := range []time.Duration{400 * time.Millisecond, patience} {
		var requests atomic.Int32
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if body, err := io.ReadAll(r.Body); err == nil && len(body) > 0 {
				requests.Add(1)
			}
			held(w, r)
		}))
		defer s.Close()
		d := named("127.0.0.1")
		lookup := d.lookup
		d.lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			sleep(ctx, delay)
			return lookup(ctx, host)
		}
		c := mustNew(t, Config{Addresses: []string{fmt.Sprintf("lockd.test:%d", portOf(t, s))}, RetryFor: -1,
			RequestTimeout: 500 * time.Millisecond})
		c.http = newHTTPClient(d, nil)
		_, err := c.Acquire(background(), "job", AcquireOptions{})
		var u *UnknownError
		if !errors.Is(err, ErrUnavailable) || errors.As(err, &u) {
			t.Errorf("got %v", err)
		}
		s.Close() // waits for the handlers
		if requests.Load() != 0 {
			t.Errorf("the request was sent after %v", delay)
		}
	}
}

func TestIPv4AndIPv6AddressesAlternate(t *testing.T) {
	ips, err := named("::1", "::2", "10.0.0.1", "::3").resolve(background(), "lockd.test")
	if err != nil || fmt.Sprint(ips) != "[::1 10.0.0.1 ::2 ::3]" {
		t.Errorf("got %v, %v", ips, err)
	}
}

func TestProxyOfTheEnvironmentIsNotUsed(t *testing.T) {
	if mustNew(t, Config{}).http.Transport.(*http.Transport).Proxy != nil {
		t.Error("the default client has a proxy")
	}
}

func TestHeadersAreSentWithEachRequest(t *testing.T) {
	var mu sync.Mutex
	var got []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, r.Header.Get("X-Tenant")+" "+r.Header.Get("Accept"))
		w.WriteHeader(http.StatusForbidden)
	}))
	defer s.Close()
	given := http.Header{"x-tenant": {"a"}}
	c := mustNew(t, Config{Addresses: []string{s.URL}, Headers: given})
	given.Set("X-Tenant", "changed later")
	_, _ = c.Acquire(background(), "job", AcquireOptions{})
	_, _ = c.Get(background(), "job")
	for range c.Watch(background(), WatchOptions{Name: "job"}) {
	}
	mu.Lock()
	defer mu.Unlock()
	if want := "a application/json,a application/json,a text/event-stream"; strings.Join(got, ",") != want {
		t.Errorf("sent %q", got)
	}
}

func TestWrongHeadersAreRefused(t *testing.T) {
	for _, h := range []http.Header{
		{"Host": {"x"}}, {"content-length": {"1"}}, {"Content-Type": {"x"}}, {"ACCEPT": {"x"}}, {"a b": {"x"}}, {"": {"x"}}, {"x:": {"y"}},
		{"x": {"secret\r\ny: z"}}, {"x": {"secret\n"}}, {"x": {"secret\x00"}}, {"x": {"secrét"}}, {"x": {"a"}, "X": {"b"}},
	} {
		if _, err := New(Config{Headers: h}); err == nil || strings.Contains(err.Error(), "secr") {
			t.Errorf("%q: %v", h, err)
		}
	}
}

func TestAmbiguousOrInexactJSONIsRefused(t *testing.T) {
	for _, wrong := range []string{
		`{"token":7,"token":8}`, `{"token":7,"Token":8}`, `{"token":7,"to\u212Aen":8}`, `{"a":{"b":1,"b":2}}`, `{"a":[{"b":1,"b":2}]}`,
		`{"token":9007199254740992}`, `{"token":-1}`, `{"token":7.0}`, `{"token":7e0}`, `{"revision":18446744073709551621}`,
		`{"leases":[{"name":"a","token":9007199254740992}]}`, `{"meta":{},"meta":{}}`, strings.Repeat("[", maxDepth+1), "{", `{"a":`,
		`{"Token":9007199254740992}`, `{"token":[1,1.5]}`, `{"meta":"\"}","x":1,"x":2}`, `{"meta":[{},{}],"token":1.5}`, `{"a":"\\","a":1}`,
		"}", `{"a`, `{"meta":"`, members(fewMembers) + `,"m0":1}`, members(fewMembers+9) + fmt.Sprintf(`,"M%d":1}`, fewMembers+8),
	} {
		if checkJSON([]byte(wrong)) == nil {
			t.Errorf("%.80s was accepted", wrong)
		}
	}
	for _, right := range []string{
		`{"token":9007199254740991,"revision":0}`, `{"meta":{"a":1,"a":2,"token":1.5},"token":7}`, `{"a":{"name":1},"name":2}`,
		`{"n":-1.5e9,"s":"token","token":"text"}`, `[{"a":1},{"a":1}]`, `{"a":"b","b":"a"}`, "", `null`, `[[],{}]`,
		`{"meta":[{"x":1},{"x":1,"x":"]"}],"x":"{,:","y":{"x":1}}`, members(fewMembers) + "}", `{"m9":` + members(fewMembers+9) + `},"m1":1}`,
	} {
		if err := checkJSON([]byte(right)); err != nil {
			t.Errorf("%s: %v", right, err)
		}
	}
}

// members returns an object with n members, without its closing bracket.
func members(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(`"m%d":{"m":1}`, i)
	}
	return "{" + strings.Join(all, ",")
}

func TestAmbiguousGrantIsNoAnswer(t *testing.T) {
	for _, wrong := range []string{
		strings.Replace(goodGrant, `"token":1`, `"token":1,"token":9`, 1), strings.Replace(goodGrant, `"token":1`, `"token":9007199254740993`, 1),
		strings.Replace(goodGrant, `}`, `,"expires_in_ms":86000000}`, 1), strings.Replace(goodGrant, `}`, `,"Token":9}`, 1),
	} {
		c := fake{"a": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, wrong) }}.client(t, "a")
		c.retryFor = -1
		var u *UnknownError
		if l, err := c.Acquire(background(), "job", AcquireOptions{}); !errors.As(err, &u) {
			t.Errorf("%s: %v, %v", wrong, l, err)
		}
	}
}

func TestGrantIsCappedAtTheRequestedTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		long := `{"name":"job","token":7,"ttl_ms":86400000,"expires_in_ms":86313600}`
		c := fake{"a": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, long) }}.client(t, "a")
		l, err := c.Acquire(background(), "job", AcquireOptions{})
		if err != nil {
			t.Fatal(err)
		}
		want := func(ttl time.Duration) {
			t.Helper()
			if got := l.Remaining(); got != subtractMargin(ttl) {
				t.Errorf("%v remain of %v", got, ttl)
			}
		}
		want(defaultTTL)
		for _, ttl := range []time.Duration{0, time.Minute, 0, 2 * time.Second, 0} {
			if err := l.Change(background(), ttl, nil); err != nil {
				t.Fatal(err)
			}
			if ttl != 0 {
				want(ttl)
			}
		}
		want(2 * time.Second)
	})
}

func TestWaitedIsCappedAtTheDurationOfTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fake{"a": func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(3 * time.Second)
			io.WriteString(w, `{"name":"job","token":7,"ttl_ms":15000,"expires_in_ms":15000,"waited_ms":80000000}`)
		}}.client(t, "a")
		l, err := c.Acquire(background(), "job", AcquireOptions{Wait: 10 * time.Second})
		if err != nil || l.Remaining() != subtractMargin(defaultTTL) {
			t.Errorf("%v remain, %v", l.Remaining(), err)
		}
	})
}

func TestRetryAfterIsBounded(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"7": 7 * time.Second, "31": maxRetryAfter, "9999999": maxRetryAfter, strings.Repeat("9", 30): maxRetryAfter, "-1": 0, "x": 0,
	} {
		if got := retryAfter(http.Header{"Retry-After": {header}}); got != want {
			t.Errorf("%s is %v", header, got)
		}
	}
	var e *Error
	if err := parseProblem(429, 7*time.Second, []byte(`{"retry_after_ms":99999999999999}`)); !errors.As(err, &e) || e.RetryAfter != maxRetryAfter {
		t.Errorf("got %+v", e)
	}
	synctest.Test(t, func(t *testing.T) {
		c := fake{"a": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "9999999")
			problemOf(503, TypeOverloaded, "")(w, r)
		}}.client(t, "a")
		begun := time.Now()
		if _, err := c.Get(background(), "job"); !errors.Is(err, ErrUnavailable) || time.Since(begun) > c.retryFor+time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	})
}

func TestWaitPieceIsTheLongestWaitOfOneRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var waits []Millis
		c := fake{"a": func(w http.ResponseWriter, r *http.Request) {
			var b acquireBody
			json.Unmarshal([]byte(readBody(r)), &b)
			waits = append(waits, b.Wait)
			time.Sleep(b.Wait.Duration())
			held(w, r)
		}}.client(t, "a")
		c.waitPiece = 20 * time.Second
		_, err := c.Acquire(background(), "job", AcquireOptions{Wait: 50 * time.Second})
		if !errors.Is(err, ErrHeld) || fmt.Sprint(waits) != "[20000 20000 10000]" {
			t.Errorf("waits %v, %v", waits, err)
		}
	})
	for _, wrong := range []time.Duration{-1, time.Second - 1, time.Minute + 1} {
		if _, err := New(Config{WaitPiece: wrong}); err == nil {
			t.Errorf("%v was accepted", wrong)
		}
	}
}

// The default transport checks certificates, and the connect limits apply to TLS too.
func TestDialerServesTLSAndIPv6(t *testing.T) {
	grant := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, goodGrant) })
	s := httptest.NewTLSServer(grant)
	defer s.Close()
	c := mustNew(t, Config{Addresses: []string{s.URL}, RetryFor: -1})
	if _, err := c.Acquire(background(), "job", AcquireOptions{}); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown certificate is %v", err)
	}
	trusting := newHTTPClient(newDialer(), nil)
	trusting.Transport.(*http.Transport).TLSClientConfig = s.Client().Transport.(*http.Transport).TLSClientConfig
	c.http = trusting
	l, err := c.Acquire(background(), "job", AcquireOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Renew(background()); err != nil { // over the idle connection
		t.Error(err)
	}

	listener, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skip("this machine has no IPv6")
	}
	six := httptest.NewUnstartedServer(grant)
	six.Listener = listener
	six.Start()
	defer six.Close()
	c = mustNew(t, Config{Addresses: []string{listener.Addr().String()}, RetryFor: -1})
	if _, err := c.Acquire(background(), "job", AcquireOptions{}); err != nil {
		t.Error(err)
	}
}
