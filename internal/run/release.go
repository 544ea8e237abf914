package run

import (
	"context"
	"errors"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console"
)

// release releases the lease, or what is left of it after a known loss. It returns the loss, if
// there was one: the known one, or one that only the node knew of.
func (r *runner) release(l *lockd.Lease, lost error) error {
	outcome, err := r.transferOrRelease(l)
	if lost == nil && errors.Is(err, lockd.ErrLost) {
		r.reportLoss(err, false)
		return err
	}
	r.reportReleased(outcome, err, lost)
	return lost
}

// transferOrRelease transfers the lease to the receiver of a step-down request, or releases it. It
// returns a text for the log. If no node confirms it within releaseTimeout, the lease expires.
func (r *runner) transferOrRelease(l *lockd.Lease) (outcome string, err error) {
	if errors.Is(context.Cause(l.Context()), lockd.ErrLost) {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), min(releaseTimeout, l.Remaining()))
	defer cancel()
	if request := l.Grant().StepDown; request != nil && request.To != "" && l.Transfer(ctx, request.To) == nil {
		return "handed over to " + request.To, nil
	}
	err = l.Release(ctx)
	if errors.Is(err, lockd.ErrUnavailable) || errors.As(err, new(*lockd.UnknownError)) {
		if r.Client.Close(ctx) == nil { // the client has repeated the release until it was certain
			err = nil
		}
	}
	return "released", err
}

// reportReleased reports the result of transferOrRelease. A failure after a loss is expected.
func (r *runner) reportReleased(outcome string, err, lost error) {
	const failed = "not released; the lease expires after its TTL: %v"
	switch {
	case err != nil && lost != nil:
		r.verbosef(failed, console.ErrorText(err))
	case err != nil:
		r.logf(failed, console.ErrorText(err))
	case outcome != "":
		r.verbosef("%s", outcome)
	}
}
