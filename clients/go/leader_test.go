package lockd

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// The validity of a Leader counts from when the request was sent, and ends when the hold may have
// ended.
func TestLeaderIsValidUntilItsHoldMayEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fake{"a": func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || r.URL.Path != "/v1/leases/job" {
				t.Errorf("%s %s", r.Method, r.URL)
			}
			time.Sleep(time.Second)
			w.Write([]byte(`{"name":"job","state":"held","holders":[{"holder":"you","token":7,"free_in_ms":10000,"meta":{"url":"u"}}]}`))
		}}.client(t, "a")
		l, err := c.Leader(background(), "job")
		if err != nil || l.Holder != "you" || l.Token != 7 || string(l.Meta) != `{"url":"u"}` {
			t.Fatalf("%+v, %v", l, err)
		}
		if want := 10*time.Second - 200*time.Millisecond - time.Second; l.Remaining() != want || l.Age() != time.Second {
			t.Errorf("%v remain after %v, want %v", l.Remaining(), l.Age(), want)
		}
		time.Sleep(9 * time.Second)
		if l.Remaining() > 0 {
			t.Errorf("%v remain of a hold that may be over", l.Remaining())
		}
	})
}

func TestLeaseWithoutAHolderIsNoError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fake{"a": func(w http.ResponseWriter, _ *http.Request) {
			w.Write([]byte(`{"name":"job","state":"free","holders":[]}`))
		}}.client(t, "a")
		if l, err := c.Leader(background(), "job"); err != nil || l.Holder != "" || l.Remaining() > 0 {
			t.Errorf("%+v, %v", l, err)
		}
	})
}
