// Package cells formats values for the cells of tables. A missing value is an empty text.
package cells

import (
	"fmt"
	"strconv"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console"
)

// Number formats a number.
func Number[N ~int | ~int64 | ~uint64](n N) string { return fmt.Sprint(n) }

// Token formats a fencing token or a revision. 0 is a missing one.
func Token(t uint64) string {
	if t == 0 {
		return ""
	}
	return strconv.FormatUint(t, 10)
}

// Duration rounds down, so that the rest of a lease is never shown as more.
func Duration(m lockd.Millis) string {
	d := m.Duration()
	if d >= time.Minute {
		return d.Truncate(time.Second).String()
	}
	return d.Truncate(100 * time.Millisecond).String()
}

// Age formats how long something has lasted: in seconds, and from a day on in hours.
func Age(m lockd.Millis) string {
	d, unit := m.Duration(), time.Second
	switch {
	case d >= 24*time.Hour:
		unit = time.Hour
	case d >= time.Hour:
		unit = time.Minute
	}
	return console.ShortDuration(d.Truncate(unit))
}

// Span formats how long something lasted, to the millisecond.
func Span(m lockd.Millis) string { return m.Duration().String() }

// Maybe formats a value that may be missing.
func Maybe(m *lockd.Millis, show func(lockd.Millis) string) string {
	if m == nil {
		return ""
	}
	return show(*m)
}

// Left formats the rest of a time limit.
func Left(m lockd.Millis) string {
	if m <= 0 {
		return "over"
	}
	return Duration(m)
}

// Time formats a time in UTC, as in logs.
func Time(t lockd.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// TimeOfDay formats a time in the zone of now: with the date if that is not the date of now.
func TimeOfDay(t lockd.Time, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	local := t.In(now.Location())
	if local.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return local.Format(time.TimeOnly)
	}
	return local.Format(time.DateTime)
}
