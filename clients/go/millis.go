package lockd

import "time"

// Millis is a duration in milliseconds, as the wire carries it.
type Millis int64

// Duration returns m as a time.Duration.
func (m Millis) Duration() time.Duration { return time.Duration(m) * time.Millisecond }

// millis rounds up, so that nothing that was asked for becomes nothing.
func millis(d time.Duration) Millis {
	return Millis((d + time.Millisecond - 1) / time.Millisecond)
}
