// Package refusal rewrites errors of nodes for the command line.
package refusal

import (
	"context"
	"errors"
	"fmt"
	"strings"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console/cells"
	"github.com/lockd/lockd/internal/console/leases"
)

// A Command is the command whose request failed.
type Command struct {
	Use      string // the usage line, with the names of the arguments
	Operator bool   // it is about the hold of another session

	// Flag reports whether the command has a flag of that name, and whether it was given.
	Flag func(name string) (known, given bool)
}

// Describe rewrites a node's refusal for the command line: with flags and arguments instead of the members of a request.
func (c Command) Describe(err error) error {
	var refused *lockd.Error
	if !errors.As(err, &refused) {
		return timeoutError(err)
	}
	for i := range refused.FieldErrors {
		refused.FieldErrors[i].Field = c.flagOf(refused.FieldErrors[i].Field)
	}
	if c.Operator {
		operatorError(refused)
	}
	if refused.Lease != nil {
		c.nameLease(refused)
	}
	refused.Detail = strings.NewReplacer("Send wait_ms", "Pass --wait",
		"Send a valid token: Authorization: Bearer lockd_...", "Set a valid token: LOCKD_TOKEN or --token-file.",
		"send break=true and principal", "pass --break --principal NAME",
		"repeat the request with break=true and principal=", "run it again with --break --principal ",
		"create one first", "create one first with lockd token create NAME --admin").Replace(refused.Detail)
	return err
}

// nameLease rewrites a refusal that is about a lease, so that it names the lease. That of an acquire also names the holders
// and what to do.
func (c Command) nameLease(refused *lockd.Error) {
	l, later := refused.Lease, "later"
	if l.AvailableIn != nil {
		later = "in " + cells.Duration(*l.AvailableIn)
	}
	refused.Detail = strings.ReplaceAll(refused.Detail, "after available_in_ms", later)
	situation := leases.Situation(l)
	if refused.Type != lockd.TypeHeld && refused.Type != lockd.TypeDelayed || situation == "" {
		refused.Detail = fmt.Sprintf("lease %q: %s", l.Name, refused.Detail)
		return
	}
	refused.Detail = situation + leases.Before(l)
	if known, given := c.Flag("wait"); given {
		refused.Detail = "the wait is over: " + situation
	} else if known {
		refused.Detail += "; pass --wait to wait in its queue, or try again " + later
	}
}

// timeoutError adds what to do if the command timed out before a node answered.
func timeoutError(err error) error {
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("no answer within --timeout (%w); run 'lockd cluster status' to see whether the cluster has a quorum", err)
}

// DescribeRead is Describe for a request that changes nothing. The detail of a refusal is about requests that change
// something.
func (c Command) DescribeRead(err error) error {
	var refused *lockd.Error
	if !errors.As(err, &refused) || !errors.Is(err, lockd.ErrUnavailable) {
		return c.Describe(err)
	}
	refused.Detail = refused.Title + ": nothing was read; try again"
	if known, _ := c.Flag("stale"); known {
		refused.Detail += ", or pass --stale to see what the node has"
	}
	return c.Describe(err)
}

// operatorError rewrites a loss for an operator, who named the hold of another session and has lost
// nothing.
func operatorError(refused *lockd.Error) {
	switch refused.Type {
	case lockd.TypeStaleToken:
		refused.Detail = "this token is not current: the hold has ended, or the token belongs to another lease; nothing was changed"
	case lockd.TypeBroken:
		refused.Detail = "the hold is already broken and ends after its grace period; nothing was changed"
	}
	refused.Lost = false
}

// flagOf returns the flag or argument for a member of a request.
func (c Command) flagOf(field string) string {
	name := strings.ReplaceAll(strings.TrimSuffix(field, "_ms"), "_", "-")
	name, _, _ = strings.Cut(name, "[") // names[3] is one of the arguments
	if flag := map[string]string{"rules": "allow", "expires-in": "expires"}[name]; flag != "" {
		name = flag
	}
	argument := map[string]string{
		"name": "NAME", "names": "NAME", "principal": "NAME", "token": "TOKEN", "id": "NODE", "to": "NODE",
	}[name]
	switch known, _ := c.Flag(name); {
	case known:
		return "--" + name
	case argument != "" && strings.Contains(c.Use, argument):
		return argument
	}
	return field
}
