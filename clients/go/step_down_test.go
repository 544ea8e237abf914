package lockd

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A step-down request in the response to a renewal closes StepDownRequested once, and does not end
// the lease.
func TestStepDownRequestedIsClosedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table lockTable
		requested := false
		c := fake{"a": func(w http.ResponseWriter, r *http.Request) {
			if requested && strings.HasSuffix(r.URL.Path, "/renew") {
				w.Write([]byte(`{"name":"job","token":1,"ttl_ms":15000,"expires_in_ms":14985,"step_down":{"to":"y","within_ms":9000}}`))
				return
			}
			table.ServeHTTP(w, r)
		}}.client(t, "a")
		l := acquire(t, c)
		if err := l.Renew(background()); err != nil {
			t.Fatal(err)
		}
		select {
		case <-l.StepDownRequested():
			t.Fatal("closed without a request")
		default:
		}
		requested = true
		ctx := l.KeepAlive()
		<-l.StepDownRequested()
		if req := l.Grant().StepDown; req == nil || req.To != "y" || req.Within.Duration() != 9*time.Second {
			t.Errorf("the request is %+v", req)
		}
		time.Sleep(time.Minute)
		if ctx.Err() != nil {
			t.Error("a step-down request ended the lease")
		}
		l.end(ErrReleased)
	})
}

func TestAcquireAllGivesEachLeaseItsOwnToken(t *testing.T) {
	c := fake{"a": func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		w.Write([]byte(`{"holder":"me","session":"s","ttl_ms":15000,"expires_in_ms":14985,"waited_ms":100,"revision":8,"leases":[
			{"name":"x","token":7,"slot":0},
			{"name":"y","token":8,"slot":0,"previous":{"holder":"o","token":3,"end":"expired"},"step_down":{}}]}`))
	}}.client(t, "a")
	leases, err := c.AcquireAll(background(), []string{"x", "y"}, AcquireAllOptions{})
	if err != nil || len(leases) != 2 {
		t.Fatal(leases, err)
	}
	x, y := leases[0], leases[1]
	if x.Name != "x" || x.Token != 7 || x.Previous != nil || y.Name != "y" || y.Token != 8 || y.Previous.End != "expired" {
		t.Errorf("%+v, %+v", x.Grant(), y.Grant())
	}
	if left := x.Remaining(); left > 15*time.Second || left < 10*time.Second {
		t.Errorf("%v remain", left)
	}
	select {
	case <-y.StepDownRequested():
	default:
		t.Error("the step-down request of y is missing")
	}
}

func TestAcquireAllReturnsTheConflictingLeases(t *testing.T) {
	c := fake{"a": problemOf(409, TypeHeld, `,"leases":[{"name":"y","state":"held","holder":"o"}]`)}.client(t, "a")
	_, err := c.AcquireAll(background(), []string{"x", "y"}, AcquireAllOptions{})
	var e *Error
	if !errors.As(err, &e) || !errors.Is(e, ErrNotAcquired) || len(e.Leases) != 1 || e.Leases[0].Holder != "o" {
		t.Errorf("%#v", err)
	}
}
