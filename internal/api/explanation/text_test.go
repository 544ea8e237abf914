package explanation

import (
	"testing"

	"github.com/lockd/lockd/internal/fsm"
)

func TestTextOfADuration(t *testing.T) {
	for ms, want := range map[fsm.Millis]string{
		0: "0s", 850: "850ms", 12_345: "12.3s", 60_000: "1m", 250_999: "4m10s", 3_600_000: "1h0m", 93_784_000: "26h3m",
	} {
		if got := Text(ms); got != want {
			t.Errorf("%d: %s, want %s", ms, got, want)
		}
	}
}
