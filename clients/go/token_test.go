package lockd

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const secretToken = "lockd_abcdefghij_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG_012345"

// A guardedTable is a lockTable that only a request with the current token reaches.
type guardedTable struct {
	lockTable

	// mu guards the fields below.
	mu     sync.Mutex
	token  string
	locked bool                       // another token is refused with a 429
	deny   func(r *http.Request) bool // reports whether a request with the token is not allowed; nil: none
	sent   []string                   // the token of each request, in order
	paths  []string
}

func (g *guardedTable) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	sent := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	g.sent, g.paths = append(g.sent, sent), append(g.paths, r.URL.Path)
	known, denied, locked := sent == g.token, g.deny != nil && g.deny(r), g.locked
	g.mu.Unlock()
	switch {
	case !known && locked:
		problemOf(429, TypeRateLimited, "")(w, r)
	case !known:
		problemOf(401, TypeUnauthenticated, "")(w, r)
	case denied:
		problemOf(403, TypeNotAllowed, "")(w, r)
	default:
		g.lockTable.ServeHTTP(w, r)
	}
}

// set replaces the token that is valid and what is denied.
func (g *guardedTable) set(token string, deny func(*http.Request) bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.token, g.deny = token, deny
}

// requests returns how many requests had a path that ends in suffix.
func (g *guardedTable) requests(suffix string) (n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, path := range g.paths {
		if strings.HasSuffix(path, suffix) {
			n++
		}
	}
	return n
}

func (g *guardedTable) tokens() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.sent)
}

func ending(suffix string) func(*http.Request) bool {
	return func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, suffix) }
}

// clientWith returns a Client of the handler with the credentials of a Config.
func clientWith(t *testing.T, h http.HandlerFunc, cfg Config) *Client {
	t.Helper()
	cfg.Addresses, cfg.Insecure, cfg.Holder, cfg.Session = []string{"a"}, true, "me", "session-0123456789"
	cfg.HTTPClient = &http.Client{Transport: fake{"a": h}}
	c := mustNew(t, cfg)
	c.clock = fakeClock
	t.Cleanup(func() { waitForPendingReleases(c) })
	return c
}

// tokenFile returns a file with the token, and how to replace it.
func tokenFile(t *testing.T, token string) (path string, write func(string)) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "token")
	write = func(token string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(token)
	return path, write
}

func TestTokenIsSentWithEachRequest(t *testing.T) {
	table := &guardedTable{token: secretToken, deny: func(*http.Request) bool { return true }}
	c := clientWith(t, table.ServeHTTP, Config{Token: secretToken})
	_, err := c.Get(background(), "job")
	if !errors.Is(err, ErrNotAllowed) {
		t.Error(err)
	}
	if _, err := c.Acquire(background(), "job", AcquireOptions{}); !errors.Is(err, ErrNotAllowed) {
		t.Error(err)
	}
	for _, err := range c.Watch(background(), WatchOptions{Name: "job"}) {
		if !errors.Is(err, ErrNotAllowed) {
			t.Error(err)
		}
	}
	if got := table.tokens(); !slices.Equal(got, []string{secretToken, secretToken, secretToken}) {
		t.Errorf("sent %q", got)
	}
}

func TestWrongCredentialsAreRefusedByNew(t *testing.T) {
	file, write := tokenFile(t, secretToken)
	empty, _ := tokenFile(t, " \n")
	long, writeLong := tokenFile(t, "")
	writeLong(strings.Repeat("x", maxTokenBytes+1))
	write(secretToken)
	for _, tt := range []struct {
		address string
		cfg     Config
		want    string
	}{
		{"http://other:7400", Config{Token: secretToken}, `write "https://other:7400", or set Insecure`},
		{"10.0.0.1/base", Config{TokenFile: file}, `write "https://10.0.0.1:7400/base"`},
		{"localhost.other", Config{Token: secretToken}, "only over https"},
		{"https://node", Config{Token: secretToken, TokenFile: file}, "Token and TokenFile are both set"},
		{"https://node", Config{Token: secretToken, Headers: http.Header{"authorization": {"x"}}}, "a token too"},
		{"https://node", Config{TokenFile: "/none/token"}, `TokenFile "/none/token": no such file`},
		{"https://node", Config{TokenFile: "/"}, `TokenFile "/": is a directory`},
		{"https://node", Config{TokenFile: empty}, "must be one token"},
		{"https://node", Config{TokenFile: long}, "longer than"},
		{"https://node", Config{Token: secretToken + "\r\nx: y"}, "must be one token"},
		{"https://node", Config{Token: " " + secretToken}, "must be one token"},
	} {
		tt.cfg.Addresses = []string{tt.address}
		if _, err := New(tt.cfg); err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), secretToken) {
			t.Errorf("%s: %v, want %s", tt.address, err, tt.want)
		}
	}
	for _, address := range []string{"https://other", "localhost", "LOCALHOST:1", "http://127.0.0.9:1", "[::1]"} {
		if _, err := New(Config{Addresses: []string{address}, Token: secretToken}); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := New(Config{Addresses: []string{"http://other"}, Token: secretToken, Insecure: true}); err != nil {
		t.Error(err)
	}
}

func TestNoRedirectIsFollowed(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s was requested", r.URL) }))
	defer other.Close()
	node := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer node.Close()
	for _, own := range []*http.Client{nil, {}} {
		c := mustNew(t, Config{Addresses: []string{node.URL}, Token: secretToken, HTTPClient: own})
		var e *Error
		if _, err := c.Acquire(background(), "job", AcquireOptions{}); !errors.As(err, &e) || e.Status != 307 {
			t.Error(err)
		}
		if _, err := c.Get(background(), "job"); !errors.As(err, &e) {
			t.Error(err)
		}
	}
}

func TestTokenFileIsReadAgainBetweenTwoRenewals(t *testing.T) {
	for status, locked := range map[int]bool{401: false, 429: true} {
		synctest.Test(t, func(t *testing.T) {
			file, write := tokenFile(t, "first\n")
			table := &guardedTable{token: "first", locked: locked}
			l := acquire(t, clientWith(t, table.ServeHTTP, Config{TokenFile: file}))
			if err := l.Renew(background()); err != nil {
				t.Fatal(err)
			}
			table.set("second", nil)
			var refused *Error
			if err := l.Renew(background()); !errors.As(err, &refused) || refused.Status != status || l.Context().Err() != nil {
				t.Errorf("%d: renewed with the old token: %v, %v", status, err, context.Cause(l.Context()))
			}
			write("second \n")
			if err := l.Renew(background()); err != nil {
				t.Fatal(err)
			}
			l.Release(background())
			if got := table.tokens()[2:]; !slices.Equal(got, []string{"first", "first", "second", "second"}) {
				t.Errorf("%d: sent %q", status, got)
			}
		})
	}
}

// A holder whose renewals are refused for its credentials is lost at its deadline and not before.
func TestDeniedHoldLastsUntilItsDeadline(t *testing.T) {
	for status, deny := range map[int]func(*guardedTable){
		401: func(g *guardedTable) { g.set("another", nil) },
		403: func(g *guardedTable) { g.set(secretToken, ending("/renew")) },
	} {
		synctest.Test(t, func(t *testing.T) {
			table := &guardedTable{token: secretToken}
			c := clientWith(t, table.ServeHTTP, Config{Token: secretToken})
			out := logged(c)
			l := acquire(t, c)
			ctx, deadline := l.KeepAlive(), l.Deadline()
			deny(table)
			<-ctx.Done()
			if !time.Now().Equal(deadline) || !errors.Is(context.Cause(ctx), ErrLost) {
				t.Errorf("%d: ended %v after its deadline: %v", status, time.Since(deadline), context.Cause(ctx))
			}
			if n := table.requests("/renew"); n < 5 || n > 20 {
				t.Errorf("%d: %d renewals in two thirds of the TTL", status, n)
			}
			if n := strings.Count(out.String(), "a renewal was refused"); n != 1 {
				t.Errorf("%d: %d warnings: %s", status, n, out)
			}
		})
	}
}

func TestHoldContinuesWhenTheTokenIsRenewedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file, write := tokenFile(t, "first")
		table := &guardedTable{token: "first"}
		l := acquire(t, clientWith(t, table.ServeHTTP, Config{TokenFile: file}))
		ctx := l.KeepAlive()
		table.set("second", nil)
		time.Sleep(defaultTTL - 3*time.Second)
		write("second")
		time.Sleep(time.Minute)
		if ctx.Err() != nil {
			t.Error(context.Cause(ctx))
		}
		l.Release(background())
	})
}

// A lease that may not be renewed costs no other lease of the session.
func TestNotAllowedRenewalCostsNoOtherLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table leaseTable
		c := clientWith(t, func(w http.ResponseWriter, r *http.Request) {
			all := r.URL.Path == "/v1/sessions/renew" && strings.Contains(readBody(r), `"name":"x"`)
			if all || r.URL.Path == "/v1/leases/x/renew" {
				problemOf(403, TypeNotAllowed, "")(w, r)
				return
			}
			table.ServeHTTP(w, r)
		}, Config{Token: secretToken})
		out := logged(c)
		x, _ := c.Acquire(background(), "x", AcquireOptions{})
		y, err := c.Acquire(background(), "y", AcquireOptions{})
		if err != nil {
			t.Fatal(err)
		}
		denied, kept := x.KeepAlive(), y.KeepAlive()
		<-denied.Done()
		time.Sleep(time.Minute)
		if kept.Err() != nil {
			t.Error(context.Cause(kept))
		}
		if n := strings.Count(out.String(), "a renewal was refused"); n != 1 {
			t.Errorf("%d warnings: %s", n, out)
		}
		y.Release(background())
	})
}

func TestDeniedAcquireEndsAtOnce(t *testing.T) {
	for want, deny := range map[error]func(*guardedTable){
		ErrUnauthenticated: func(g *guardedTable) { g.set("another", nil) },
		ErrNotAllowed:      func(g *guardedTable) { g.set(secretToken, ending("/acquire")) },
	} {
		synctest.Test(t, func(t *testing.T) {
			table := new(guardedTable)
			deny(table)
			c := clientWith(t, table.ServeHTTP, Config{Token: secretToken})
			begun := time.Now()
			_, err := c.Acquire(background(), "job", AcquireOptions{Wait: time.Minute})
			if !errors.Is(err, want) || errors.Is(err, ErrLost) || errors.Is(err, ErrUnavailable) {
				t.Errorf("acquired: %v", err)
			}
			work := func(context.Context, *Lease) error { t.Error("the work ran"); return nil }
			if err := c.Elect(background(), "job", AcquireOptions{}, work); !errors.Is(err, want) {
				t.Errorf("elected: %v", err)
			}
			if err := c.Do(background(), "job", AcquireOptions{Wait: Forever}, work); !errors.Is(err, want) {
				t.Errorf("done: %v", err)
			}
			if n := len(table.tokens()); n != 3 || time.Since(begun) != 0 {
				t.Errorf("%d requests in %v", n, time.Since(begun))
			}
		})
	}
}

func TestAcquireIsRepeatedOnceWithTheNewTokenOfTheFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file, write := tokenFile(t, "first")
		table := &guardedTable{token: "second"}
		c := clientWith(t, table.ServeHTTP, Config{TokenFile: file})
		write("second")
		l := acquire(t, c)
		table.set("third", nil)
		if err := l.Renew(background()); !errors.Is(err, ErrUnauthenticated) {
			t.Error(err)
		}
		write("fourth")
		if err := l.Renew(background()); !errors.Is(err, ErrUnauthenticated) {
			t.Error(err)
		}
		if got := table.tokens(); !slices.Equal(got, []string{"first", "second", "second", "second", "fourth"}) {
			t.Errorf("sent %q", got)
		}
	})
}

// A waiter that is refused for its credentials leaves its place in the queue.
func TestDeniedWaiterLeavesTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := &guardedTable{token: secretToken}
		acquires := 0
		c := clientWith(t, func(w http.ResponseWriter, r *http.Request) {
			table.ServeHTTP(httptest.NewRecorder(), r)
			switch {
			case !strings.HasSuffix(r.URL.Path, "/acquire"):
				w.Write([]byte(`{"name":"job","was_held":true}`))
			case acquires == 0:
				acquires++
				problemOf(409, TypeHeld, `,"queued":true`)(w, r)
			default:
				problemOf(401, TypeUnauthenticated, `,"detail":"Send a valid token."`)(w, r)
			}
		}, Config{Token: secretToken})
		_, err := c.Acquire(background(), "job", AcquireOptions{Wait: time.Minute})
		if !errors.Is(err, ErrUnauthenticated) || !strings.Contains(err.Error(), "Send a valid token") || table.requests("/release") != 1 {
			t.Errorf("%d releases, %v", table.requests("/release"), err)
		}
	})
}

func TestDeniedReleaseIsReportedAndNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := &guardedTable{token: secretToken}
		c := clientWith(t, table.ServeHTTP, Config{Token: secretToken})
		out := logged(c)
		l := acquire(t, c)
		table.set("another", nil)
		if err := l.Release(background()); !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("released: %v", err)
		}
		if err := c.Close(background()); err != nil {
			t.Error(err)
		}
		time.Sleep(5 * time.Second)
		if n := table.requests("/release"); n != 1 {
			t.Errorf("%d releases", n)
		}
		// The next acquire repeats it first.
		if _, err := c.Acquire(background(), "job", AcquireOptions{}); !errors.Is(err, ErrUnauthenticated) || table.requests("/acquire") != 1 {
			t.Errorf("acquired: %v", err)
		}
		table.set(secretToken, nil)
		err := c.Do(background(), "job", AcquireOptions{}, func(context.Context, *Lease) error {
			table.set(secretToken, ending("/release"))
			return nil
		})
		if n := table.requests("/release"); err != nil || n != 4 {
			t.Errorf("%d releases, %v", n, err)
		}
		if !strings.Contains(out.String(), "the lease ends with its TTL") {
			t.Errorf("warned %s", out)
		}
	})
}

func TestWatchIsRepeatedOnceWithTheNewTokenOfTheFile(t *testing.T) {
	file, write := tokenFile(t, "first")
	table := &guardedTable{token: "third"}
	c := clientWith(t, func(w http.ResponseWriter, r *http.Request) {
		write("second")
		table.ServeHTTP(w, r)
	}, Config{TokenFile: file})
	for _, err := range c.Watch(background(), WatchOptions{Name: "job"}) {
		if !errors.Is(err, ErrUnauthenticated) {
			t.Error(err)
		}
	}
	if got := table.tokens(); !slices.Equal(got, []string{"first", "second"}) {
		t.Errorf("sent %q", got)
	}
}

func TestTokenFileIsReadEachMinuteAndItsLastGoodTokenStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file, write := tokenFile(t, "first\r\n")
		c := clientWith(t, silence, Config{TokenFile: file})
		out := logged(c)
		current := func() string { return c.tokens.current(c.clock()) }
		write("second")
		if got := current(); got != "first" {
			t.Errorf("at once: %q", got)
		}
		time.Sleep(tokenRereadInterval)
		if got := current(); got != "second" {
			t.Errorf("after a minute: %q", got)
		}
		for _, wrong := range []string{"", "two words", strings.Repeat("x", maxTokenBytes+1)} {
			write(wrong)
			time.Sleep(tokenRereadInterval)
			if got := current(); got != "second" || c.tokens.changed("second", c.clock()) {
				t.Errorf("the token is %q", got)
			}
		}
		if n := strings.Count(out.String(), "the last token is still used"); n != 1 {
			t.Errorf("%d warnings: %s", n, out)
		}
		write("third")
		if !c.tokens.changed("second", c.clock()) || current() != "third" {
			t.Error("the file is not used again")
		}
		os.Remove(file)
		if c.tokens.changed("third", c.clock()) || strings.Count(out.String(), "the last token is still used") != 2 {
			t.Errorf("warned %s", out)
		}
	})
}

// The token is in no error, log or text, also if a proxy responds with the headers of the request.
func TestTokenIsNeverShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var shown strings.Builder
		for _, answer := range []struct {
			status int
			body   string
		}{
			{401, ""}, {401, "%s"}, {403, "%s"}, {400, `{"type":"/problems/invalid","detail":"%s"}`}, {503, "%s"}, {200, "%s"},
			{200, `{"%[1]s":1,"%[1]s":2}`},
		} {
			c := clientWith(t, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(answer.status)
				if answer.body != "" {
					fmt.Fprintf(w, answer.body, r.Header.Get("Authorization"))
				}
			}, Config{Token: secretToken, RetryFor: -1})
			out := logged(c)
			_, got := c.Get(background(), "job")
			_, acquired := c.Acquire(background(), "job", AcquireOptions{})
			for _, err := range []error{got, acquired} {
				var e *Error
				errors.As(err, &e)
				fmt.Fprintf(&shown, "%v %+v %#v %+v\n", err, err, err, e)
			}
			shown.WriteString(out.String())
			cfg := Config{Token: secretToken, Session: "session-" + secretToken, Headers: http.Header{"X": {secretToken}}}
			for _, v := range []any{cfg, &cfg, []Config{cfg}, c, []any{c}} {
				fmt.Fprintf(&shown, "%v %+v %#v %s %q %d\n", v, v, v, v, v, v)
			}
		}
		text := shown.String()
		if at := strings.Index(text, secretToken); at >= 0 {
			t.Errorf("it is shown in …%s…", text[max(0, at-200):min(len(text), at+200)])
		}
		if !strings.Contains(text, "Token:*** TokenFile:") {
			t.Error("the Config is not printed")
		}
	})
}

func TestEachRefusalOfCredentialsHasItsError(t *testing.T) {
	for _, tt := range []struct {
		kind   string
		status int
		want   error
	}{
		{TypeUnauthenticated, 401, ErrUnauthenticated}, {TypeNotAllowed, 403, ErrNotAllowed}, {"", 401, ErrUnauthenticated},
		{"", 403, ErrNotAllowed}, {TypeCrossOrigin, 403, nil}, {TypeQuota, 429, nil},
	} {
		_, err := fake{"a": problemOf(tt.status, tt.kind, "")}.client(t, "a").Get(background(), "job")
		for _, known := range []error{ErrUnauthenticated, ErrNotAllowed, ErrLost, ErrUnavailable, ErrNotAcquired} {
			if errors.Is(err, known) != errors.Is(tt.want, known) {
				t.Errorf("%d %s: %v, want %v", tt.status, tt.kind, err, tt.want)
			}
		}
	}
}

func TestWaitContinuesWhenAQuotaIsUsedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table lockTable
		full := true
		c := clientWith(t, func(w http.ResponseWriter, r *http.Request) {
			if full {
				full = false
				problemOf(429, TypeQuota, "")(w, r)
				return
			}
			table.ServeHTTP(w, r)
		}, Config{})
		l, err := c.Acquire(background(), "job", AcquireOptions{Wait: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		l.Release(background())
	})
}
