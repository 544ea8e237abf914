package spelling

import "testing"

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "ttl", 3}, {"ttl", "ttl", 0}, {"ttl", "tl", 1}, {"wait", "wiat", 2}, {"holder", "folders", 2}} {
		if one, other := Distance(c.a, c.b), Distance(c.b, c.a); one != c.want || other != c.want {
			t.Errorf("%q and %q: %d and %d, want %d", c.a, c.b, one, other, c.want)
		}
	}
}
