package chaos

import (
	"github.com/lockd/lockd/test/linear"
)

// judge counts what the clients saw, and holds it against the promise.
func (r *result) judge(crowds []*crowd, w *world) error {
	h, err := histories(crowds)
	if err != nil {
		return err
	}
	for _, op := range h.Ops {
		if op.Result == linear.Unknown {
			r.unknown++
		} else {
			r.ops++
		}
	}
	r.violations = w.found()
	return nil
}
