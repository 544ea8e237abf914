package tracing

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// A trace id reaches the log, so that nothing but a valid one may be read from a header.
func TestOnlyValidHeaderHasATrace(t *testing.T) {
	const id = "4bf92f3577b34da6a3ce929d0e0e4736"
	for value, want := range map[string]string{
		"00-" + id + "-00f067aa0ba902b7-01":                       id,
		"00-" + id + "-00f067aa0ba902b7-00":                       id, // not sampled
		"01-" + id + "-00f067aa0ba902b7-01-later":                 id, // a later version may have more fields
		"ff-" + id + "-00f067aa0ba902b7-01":                       "",
		"00-" + strings.ToUpper(id) + "-00f067aa0ba902b7-01":      "",
		"00-" + strings.Repeat("0", 32) + "-00f067aa0ba902b7-01":  "",
		"00-" + id + "-" + strings.Repeat("0", 16) + "-01":        "",
		"00-" + id[:31] + "\n-00f067aa0ba902b7-01":                "",
		"00-" + id + "-00f067aa0ba902b7":                          "",
		"00-" + id + "-00f067aa0ba902b7-01\" level=ERROR msg=\"x": "",
		strings.Repeat("a", 10_000):                               "",
		"":                                                        "",
	} {
		r := NewRequest(http.Header{"Traceparent": {value}}, time.Time{})
		if got := r.TraceID(); got != want {
			t.Errorf("%.100q: trace %q, want %q", value, got, want)
		}
	}
	valid := "00-" + id + "-00f067aa0ba902b7-01"
	if r := NewRequest(http.Header{"Traceparent": {valid, valid}}, time.Time{}); r.TraceID() != "" {
		t.Error("a header that occurs twice is not ignored")
	}
}
