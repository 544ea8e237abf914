package table

import (
	"fmt"
	"time"

	"github.com/lockd/lockd/internal/kube/schema"
)

// since returns the age of a time of an object, as kubectl prints it.
func since(now time.Time, text string) string {
	t, err := schema.ParseTime(text)
	if err != nil {
		return "<unknown>"
	}
	return Age(now.Sub(t))
}

const day, year = 24, 24 * 365 // in hours

// Age returns a duration with two or three digits, as kubectl prints it: "12s", "5m3s", "47h", "3d4h".
func Age(d time.Duration) string {
	if seconds := int(d.Seconds()); seconds < -1 {
		return "<invalid>"
	} else if seconds < 120 {
		return fmt.Sprintf("%ds", max(0, seconds))
	}
	minutes, hours := int(d/time.Minute), int(d/time.Hour)
	switch {
	case minutes < 10:
		return two(minutes, "m", int(d/time.Second)%60, "s")
	case minutes < 180:
		return fmt.Sprintf("%dm", minutes)
	case hours < 8:
		return two(hours, "h", minutes%60, "m")
	case hours < 2*day:
		return fmt.Sprintf("%dh", hours)
	case hours < 8*day:
		return two(hours/day, "d", hours%day, "h")
	case hours < 2*year:
		return fmt.Sprintf("%dd", hours/day)
	case hours < 8*year:
		return two(hours/year, "y", hours/day%365, "d")
	default:
		return fmt.Sprintf("%dy", hours/year)
	}
}

// two returns two units, or the first alone if the second is zero.
func two(a int, unit string, b int, below string) string {
	if b == 0 {
		return fmt.Sprintf("%d%s", a, unit)
	}
	return fmt.Sprintf("%d%s%d%s", a, unit, b, below)
}
