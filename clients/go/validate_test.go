package lockd

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// anything is what a broken proxy may send with a 200.
var anything = []string{"[]", `"x"`, "3", "null", "true", "", "<html>", `{"lease":3}`, "{}"}

const (
	goodGrant = `{"name":"job","holder":"h","token":1,"ttl_ms":15000,"expires_in_ms":14985,"waited_ms":0}`
	goodAll   = `{"holder":"h","ttl_ms":15000,"expires_in_ms":14985,"leases":[{"name":"job","token":1},{"name":"x","token":2}]}`
)

// spoilt returns invalid bodies: anything, and copies of a good one with a part replaced.
func spoilt(good string, pairs ...string) []string {
	all := append([]string{}, anything...)
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(good, pairs[i]) {
			panic(pairs[i])
		}
		all = append(all, strings.Replace(good, pairs[i], pairs[i+1], 1))
	}
	return all
}

var wrongGrants = spoilt(goodGrant, `"job"`, `"other"`, `"job"`, "3", `"token":1`, `"token":0`, `"token":1`, `"token":"1"`,
	`"token":1`, `"token":1.5`, `"token":1`, `"token":true`, `"token":1`, `"other":1`, "15000", "0", "15000", `"x"`,
	"14985", `"x"`, "14985", "-1", "14985", "1e300", "14985", "1e999", "14985", "86400001", `"waited_ms":0`, `"waited_ms":[]`,
	`"waited_ms":0`, `"waited_ms":1000000000000`, `"holder"`, `"previous":3,"holder"`, `"holder"`, `"step_down":"x","holder"`)

var wrongCalls = []struct {
	what   string
	bodies []string
	do     func(c *Client) error
}{
	{"acquire", wrongGrants, func(c *Client) error {
		_, err := c.Acquire(background(), "job", AcquireOptions{})
		return err
	}},
	{"acquire of all", spoilt(goodAll, `{"name":"x","token":2}`, "3", `,{"name":"x","token":2}`, "", `"token":2`, `"token":0`,
		`"x"`, `"y"`, "14985", "86400001", "15000", "0"), func(c *Client) error {
		_, err := c.AcquireAll(background(), []string{"job", "x"}, AcquireAllOptions{})
		return err
	}},
	{"renew", append(spoilt(goodGrant, `"token":1`, `"token":8`), wrongGrants...), func(c *Client) error {
		_, err := c.Renew(background(), "job", RenewOptions{Token: 1})
		return err
	}},
	{"renew all", spoilt(`{"leases":[{"name":"job","token":1,"expires_in_ms":900}],"waited_ms":0}`, `[{"name":"job","token":1,"expires_in_ms":900}]`, "3",
		`{"name":"job","token":1,"expires_in_ms":900}`, "3", `"token":1`, `"token":0`, "900", `"x"`, "900", "86400001", `"waited_ms":0`, `"waited_ms":86400001`),
		func(c *Client) error {
			_, err := c.RenewSession(background())
			return err
		}},
	{"release", []string{"[]", `"x"`, "3", "null", "", "<html>", "{}", `{"was_held":null}`, `{"was_held":1}`}, func(c *Client) error {
		_, err := c.Release(background(), "job", ReleaseOptions{Token: 1})
		return err
	}},
	{"get", spoilt(`{"name":"job","revision":1,"holders":[{"holder":"h","token":1}]}`, `"job"`, `"x"`, `[{"holder":"h","token":1}]`, "3",
		`{"holder":"h","token":1}`, "3", `"token":1`, `"token":0`, `"revision":1`, `"revision":1e999`), func(c *Client) error {
		_, err := c.Get(background(), "job")
		return err
	}},
	{"leader", anything, func(c *Client) error {
		_, err := c.Leader(background(), "job")
		return err
	}},
	{"list", append([]string{`{"leases":[{}]}`, `{"leases":3}`, `{"leases":[],"next":3}`}, anything...), func(c *Client) error {
		_, err := c.List(background(), ListOptions{})
		return err
	}},
	{"check", append([]string{`{"token":8}`, `{"token":"7"}`}, anything...), func(c *Client) error {
		_, err := c.Check(background(), "job", 7)
		return err
	}},
}

func TestInvalidResponseCountsAsNoResponse(t *testing.T) {
	for _, call := range wrongCalls {
		for _, body := range call.bodies {
			t.Run(call.what+" "+body, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := fake{"a": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }}.client(t, "a")
					c.retryFor = -1
					err := call.do(c)
					var u *UnknownError
					if !errors.As(err, &u) && !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrLost) {
						t.Errorf("got %v", err)
					}
				})
			})
		}
	}
}

// Members of a response that was refused do not become part of the next one.
func TestInvalidResponseLeavesNothing(t *testing.T) {
	first := strings.Replace(goodGrant, `"job"`, `"other","step_down":{"to":"y"}`, 1)
	c := fake{
		"a": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, first) },
		"b": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, goodGrant) },
	}.client(t, "a", "b")
	l, err := c.Acquire(background(), "job", AcquireOptions{})
	if err != nil || l.Token != 1 || l.Grant().StepDown != nil {
		t.Errorf("got %+v, %v", l, err)
	}
}

func TestInvalidRenewalResponseLeavesTheDeadline(t *testing.T) {
	for _, body := range append([]string{goodGrant}, wrongGrants...) {
		synctest.Test(t, func(t *testing.T) {
			var table leaseTable
			node := &gate{h: table.ServeHTTP}
			c := fake{"a": node.ServeHTTP}.client(t, "a")
			one, other := acquireKept(t, c, "x"), acquireKept(t, c, "y")
			end := one.Deadline()
			node.set(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) })
			<-one.Context().Done()
			<-other.Context().Done()
			if late := time.Since(end); late < 0 || late > clockCheckInterval || !one.Deadline().Equal(end) {
				t.Errorf("%s: lost %v after %v", body, late, end)
			}
		})
	}
}

func acquireKept(t *testing.T, c *Client, name string) *Lease {
	t.Helper()
	l, err := c.Acquire(background(), name, AcquireOptions{})
	if err != nil {
		t.Fatal(err)
	}
	l.KeepAlive()
	return l
}

func TestWatchResumesAfterAnInvalidEvent(t *testing.T) {
	wrong := []string{"state {}", `state {"lease":3}`, `state {"lease":{}}`}
	for _, body := range append([]string{`{"name":3}`, `{"name":"x","revision":"x"}`, `{"name":"x","revision":1e999}`,
		`{"name":"x","token":[]}`, `{"name":"x","lease":3}`, `{"name":"x","lease":{}}`}, anything...) {
		if body != "" {
			wrong = append(wrong, "acquired "+body)
		}
	}
	for _, first := range wrong {
		t.Run(first, func(t *testing.T) {
			connections := 0
			c := fake{"a": func(w http.ResponseWriter, _ *http.Request) {
				connections++
				event := `acquired {"name":"x","token":7}`
				if connections == 1 {
					event = first
				}
				kind, data, _ := strings.Cut(event, " ")
				fmt.Fprintf(w, "id: 7\nevent: %s\ndata: %s\n\n", kind, data)
			}}.client(t, "a")
			for e, err := range c.Watch(background(), WatchOptions{Name: "x"}) {
				if err != nil || e.Type != EventAcquired || e.Name != "x" || e.Revision != 7 || connections != 2 {
					t.Errorf("got %+v, %v at connection %d", e, err, connections)
				}
				break
			}
		})
	}
}
