package lockd

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestTTLTooShortForRequestTimeout(t *testing.T) {
	c := mustNew(t, Config{RequestTimeout: 2 * time.Second})
	if _, err := c.Acquire(background(), "job", AcquireOptions{TTL: 5 * time.Second}); err == nil {
		t.Error("a TTL that is too short was accepted")
	}
	if err := c.checkTTL(6 * time.Second); err != nil {
		t.Error(err)
	}
	c = mustNew(t, Config{})
	if err := c.checkTTL(time.Second); err != nil {
		t.Error(err)
	}
}

// A wait of any length is split into requests of at most a minute with one session. The last
// request waits for the rest.
func TestLongWaitIsSplitIntoRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var requests []acquireBody
		c := fake{"a": func(w http.ResponseWriter, r *http.Request) {
			var b acquireBody
			json.Unmarshal([]byte(readBody(r)), &b)
			requests = append(requests, b)
			time.Sleep(b.Wait.Duration())
			held(w, r)
		}}.client(t, "a")
		start := time.Now()
		_, err := c.Acquire(background(), "job", AcquireOptions{Wait: 150 * time.Second})
		if err == nil || time.Since(start) != 150*time.Second {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
		if len(requests) != 3 || requests[0].Wait != 60_000 || requests[2].Wait != 30_000 {
			t.Errorf("requests %+v", requests)
		}
		for _, b := range requests {
			if b.Session != c.session || b.Holder != "me" {
				t.Errorf("session %q, holder %q", b.Session, b.Holder)
			}
		}
	})
}

// An outage during a wait does not end it, and the time that has passed counts.
func TestWaitSurvivesAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table lockTable
		start := time.Now()
		c := fake{"a": func(w http.ResponseWriter, r *http.Request) {
			var b acquireBody
			json.Unmarshal([]byte(readBody(r)), &b)
			left := 30*time.Second - time.Since(start)
			if b.Wait != millis(left) {
				t.Errorf("requested a wait of %v, %v is left", b.Wait.Duration(), left)
			}
			switch {
			case time.Since(start) < 5*time.Second:
				time.Sleep(5 * time.Second)
				cut(w, r)
			case time.Since(start) < 20*time.Second:
				noLeader(w, r)
			default:
				table.ServeHTTP(w, r)
			}
		}}.client(t, "a")
		if _, err := c.Acquire(background(), "job", AcquireOptions{Wait: 30 * time.Second}); err != nil {
			t.Fatal(err)
		}
	})
}

// A call that gives up its wait leaves the queue by its attempt ID.
func TestGivingUpLeavesTheQueue(t *testing.T) {
	for _, keep := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			left, attempt := false, ""
			c := fake{"a": func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/v1/leases/job/release" {
					left = attemptOf(r) == attempt && attempt != ""
					w.Write([]byte(`{"was_held":false}`))
					return
				}
				attempt = attemptOf(r)
				time.Sleep(time.Second)
				problemOf(409, TypeHeld, `,"queued":true,"position":2,"ticket_expires_in_ms":5000`)(w, r)
			}}.client(t, "a")
			_, err := c.Acquire(background(), "job", AcquireOptions{Wait: time.Second, KeepPlace: keep})
			var e *Error
			if !errors.As(err, &e) || e.Queued != keep || left == keep || (e.Detail == "") != keep {
				t.Errorf("keep %t: left %t, got %#v", keep, left, err)
			}
		})
	}
}

var anyAttempt = regexp.MustCompile(`[0-9a-f]{16}`)

// attemptOf returns the attempt ID in a request.
func attemptOf(r *http.Request) string {
	var body struct {
		Attempt string `json:"attempt"`
	}
	_ = json.Unmarshal([]byte(readBody(r)), &body)
	return body.Attempt
}

func TestRequestsOnTheWire(t *testing.T) {
	var got string
	c := fake{"a": func(w http.ResponseWriter, r *http.Request) {
		got = r.Method + " " + r.URL.RequestURI() + " " + readBody(r)
		name := append(strings.Split(r.URL.Path, "/"), "")[3]
		fmt.Fprintf(w, `{"name":%q,"was_held":true,"token":7,"ttl_ms":2000,"expires_in_ms":1998,"leases":[{"name":"x","token":7},{"name":"y","token":8}]}`, name)
	}}.client(t, "a")
	zero := time.Duration(0)
	for want, do := range map[string]func() error{
		`POST /v1/leases/a:b/acquire {"holder":"me","session":"session-0123456789","ttl_ms":2000,"meta":{"u":1},"limit":3,"delay_ms":10,"attempt":"ATTEMPT"}`: func() error {
			_, err := c.Acquire(background(), "a:b", AcquireOptions{TTL: 2 * time.Second, Limit: 3, Delay: 10 * time.Millisecond, Meta: map[string]int{"u": 1}})
			return err
		},
		`POST /v1/leases/x/acquire {"holder":"me","session":"old-session-of-mine","priority":-5,"reclaim":true,"attempt":"ATTEMPT"}`: func() error {
			_, err := c.Acquire(background(), "x", AcquireOptions{Session: "old-session-of-mine", Priority: -5, Reclaim: true})
			return err
		},
		`POST /v1/acquire {"names":["x","y"],"holder":"me","session":"session-0123456789","ttl_ms":2000,"attempt":"ATTEMPT"}`: func() error {
			_, err := c.AcquireAll(background(), []string{"x", "y"}, AcquireAllOptions{TTL: 2 * time.Second})
			return err
		},
		`POST /v1/leases/x/step-down {"token":7,"to":"y","within_ms":30000}`: func() error {
			_, err := c.AskToStepDown(background(), "x", StepDownOptions{Token: 7, To: "y", Within: 30 * time.Second})
			return err
		},
		`POST /v1/leases/x/renew {"session":"session-0123456789","token":7}`: func() error {
			_, err := c.Renew(background(), "x", RenewOptions{Token: 7})
			return err
		},
		`POST /v1/leases/x/release {"session":"other","delay_ms":1000}`: func() error {
			_, err := c.Release(background(), "x", ReleaseOptions{Session: "other", Delay: time.Second})
			return err
		},
		`POST /v1/leases/x/break {"token":7,"reason":"stuck","grace_ms":0}`: func() error {
			_, err := c.Break(background(), "x", BreakOptions{Token: 7, Reason: "stuck", Grace: &zero})
			return err
		},
		`POST /v1/leases/x/break {"token":7,"reason":"stuck"}`: func() error {
			_, err := c.Break(background(), "x", BreakOptions{Token: 7, Reason: "stuck"})
			return err
		},
		`POST /v1/sessions/renew {"session":"session-0123456789","leases":[{"name":"x","token":7}]}`: func() error {
			_, err := c.RenewSession(background(), Held{"x", 7})
			return err
		},
		`POST /v1/sessions/release {"session":"session-0123456789"}`: func() error {
			_, err := c.ReleaseSession(background())
			return err
		},
		`GET /v1/leases?holder=h&limit=5&prefix=p. `: func() error {
			_, err := c.List(background(), ListOptions{Prefix: "p.", Holder: "h", Limit: 5})
			return err
		},
		`GET /v1/leases/x?stale=true `: func() error {
			_, err := c.Get(background(), "x", Stale())
			return err
		},
		`GET /v1/leases/x/check?token=7 `: func() error {
			_, err := c.Check(background(), "x", 7)
			return err
		},
		`POST /v1/cluster/remove {"id":"n3"}`: func() error { return c.Remove(background(), "n3") },
		`POST /v1/cluster/transfer-leader {}`: func() error { return c.TransferLeader(background(), "") },
	} {
		if err := do(); err != nil || anyAttempt.ReplaceAllString(got, "ATTEMPT") != want {
			t.Errorf("sent %s\nwant %s\nerror %v", got, want, err)
		}
	}
}

func TestAllFollowsCursors(t *testing.T) {
	c := fake{"a": func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("cursor") {
		case "":
			w.Write([]byte(`{"leases":[{"name":"a","state":"held","later":true},{"name":"b"}],"next":"b","revision":4}`))
		case "b":
			w.Write([]byte(`{"leases":[{"name":"c"}],"revision":4}`))
		}
	}}.client(t, "a")
	var names string
	for s, err := range c.All(background(), ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		names += s.Name
	}
	if names != "abc" {
		t.Errorf("got %q", names)
	}
}
