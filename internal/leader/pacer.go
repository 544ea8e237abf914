package leader

import "time"

const (
	// roundPause is the longest time from the begin of a round to that of the next one while checks wait.
	roundPause = 2 * time.Millisecond
	// openFalls is the number of rounds in which pacer.open falls by about two thirds of the difference to what is open.
	openFalls = 32
)

// A pacer decides when a round begins. A round costs the same for one check and for a hundred, so a round waits for most
// of the callers that send a check at the same time, but not for longer than roundPause. A caller alone does not wait,
// nor do two.
//
// The number of checks decides and not their rate: one caller that sends its next request as soon as it has an answer
// sends as many in a second as thousands that renew now and then, and would only wait for itself.
type pacer struct {
	began time.Duration // when the last round began
	open  float64       // how many checks are open at a time: it rises at once and falls slowly
}

// due returns when the next round begins if no other check arrives.
func (p *pacer) due(waiting int) time.Duration {
	if p.enough(waiting) {
		return AtOnce
	}
	return p.began + roundPause
}

// enough reports whether a round begins at once for the checks that wait.
func (p *pacer) enough(waiting int) bool { return waiting >= int(p.open*2/3) }

// ended records how many checks were open at the end of a round: those that shared it, and those that arrived meanwhile.
func (p *pacer) ended(open int) {
	p.open = max(float64(open), p.open-(p.open-float64(open))/openFalls)
}
