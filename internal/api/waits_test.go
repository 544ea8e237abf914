package api_test

import (
	"fmt"
	"testing"

	"github.com/lockd/lockd/internal/api"
)

func waiter(i int, ms int) string {
	return fmt.Sprintf(`{"holder":"w","session":"waiter-session-%06d","wait_ms":%d,"priority":100}`, i, ms)
}

// TestWaitsOfOneAddressAreBounded: one address cannot fill a queue with open waits, or with the places that short waits
// keep.
func TestWaitsOfOneAddressAreBounded(t *testing.T) {
	w := newWorld(t, func(c *api.Config) { c.MaxWaitsPerIP = 4 })
	w.hold("job", "w1", sessionA)
	first := w.later("/v1/leases/job/acquire", waiter(0, 30_000))
	eventually(t, "one waits", func() bool { return w.waiting("job") == 1 })
	for i := 1; i < 4; i++ {
		w.post("/v1/leases/job/acquire", waiter(i, 1)).want(409, "held").is("queued", "true")
	}
	if a := w.post("/v1/leases/job/acquire", waiter(4, 1)).want(429, "rate-limited").is("definitive", "true"); a.header.Get("Retry-After") == "" {
		t.Error("there is no Retry-After")
	}
	w.post("/v1/leases/other/acquire", waiter(4, 1)).want(429, "rate-limited")
	if a := w.post("/v1/leases/other/acquire", `{"holder":"w","wait_ms":1}`).want(429, "rate-limited"); len(a.text("session")) != 32 {
		t.Errorf("the session that was made is not in the answer: %s", a.body)
	}
	if n := w.waiting("job"); n != 4 {
		t.Errorf("%d wait", n)
	}
	w.post("/v1/leases/other/acquire", `{"holder":"w","session":"`+sessionB+`"}`).want(201) // it does not wait
	w.post("/v1/leases/job/acquire", waiter(2, 1)).want(409, "held").is("queued", "true")   // it has a place
	w.post("/v1/leases/job/release", `{"session":"`+sessionA+`"}`).want(200)
	(<-first).want(201)
	w.post("/v1/leases/job/acquire", waiter(5, 1)).want(409, "held").is("queued", "true") // a granted wait is not counted any more
}
