package lockd

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// addressCase is one case of the file that all clients are tested with.
type addressCase struct {
	Address string `json:"address"`
	Base    string `json:"base"`
	Refused string `json:"refused"` // part of the error
	Secret  string `json:"secret"`  // never part of the error
}

func addressCases(t *testing.T) []addressCase {
	t.Helper()
	file, err := os.ReadFile("../conformance/addresses.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []addressCase
	if err := json.Unmarshal(file, &cases); err != nil || len(cases) == 0 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	return cases
}

func TestAddressesOfTheConformanceFile(t *testing.T) {
	for _, tc := range addressCases(t) {
		t.Run(tc.Address, func(t *testing.T) {
			c, err := New(Config{Addresses: []string{tc.Address}})
			if tc.Refused == "" {
				if err != nil {
					t.Fatal(err)
				}
				if got := c.addrs[0]; got.base != tc.Base {
					t.Errorf("got %+v, want %+v", got, tc)
				}
				if again, err := endpoints([]string{tc.Base}); err != nil || again[0].base != tc.Base {
					t.Errorf("the base is read as %+v, %v", again, err)
				}
				return
			}
			if err == nil {
				t.Fatalf("it was accepted as %+v", c.addrs[0])
			}
			if !strings.Contains(strings.ToLower(err.Error()), tc.Refused) {
				t.Errorf("%v does not mention %q", err, tc.Refused)
			}
			if tc.Secret != "" && strings.Contains(err.Error(), tc.Secret) {
				t.Errorf("%v shows the password", err)
			}
		})
	}
}

func TestEmptyListOfAddressesIsRefused(t *testing.T) {
	if _, err := New(Config{Addresses: []string{}}); err == nil {
		t.Error("it was accepted")
	}
	if c := mustNew(t, Config{}); c.addrs[0].base != DefaultAddress || len(c.Session()) != 32 || c.Holder() == "" {
		t.Errorf("the defaults are %+v %q %q", c.addrs, c.Session(), c.Holder())
	}
}

// The base path is sent with calls and watches, and the / of a name is sent as %2F.
func TestBasePathIsSent(t *testing.T) {
	var mu sync.Mutex
	var paths []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		paths = append(paths, r.URL.EscapedPath())
		mu.Unlock()
		if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
			conn.Close()
		}
	}))
	defer server.Close()
	address := server.URL + "/the/locks/"
	c := mustNew(t, Config{Addresses: []string{address}, RetryFor: -1})
	_, err := c.Acquire(background(), "jobs/a", AcquireOptions{})
	var u *UnknownError
	if !errors.As(err, &u) {
		t.Errorf("got %v", err)
	}
	for _, err := range c.Watch(background(), WatchOptions{Name: "a"}) {
		if !errors.Is(err, ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	paths = slices.DeleteFunc(paths, func(p string) bool { return strings.HasSuffix(p, "/release") })
	if strings.Join(paths, " ") != "/the/locks/v1/leases/jobs%2Fa/acquire /the/locks/v1/watch" {
		t.Errorf("requested %q", paths)
	}
}
