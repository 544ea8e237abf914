package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
)

// describeRefusal rewrites a node's refusal for the command line: with flags and arguments instead of the
// members of a request.
func describeRefusal(cmd *cobra.Command, err error) error {
	var refused *lockd.Error
	if !errors.As(err, &refused) {
		return timeoutError(err)
	}
	if len(refused.FieldErrors) > 0 {
		var reasons []string
		for _, e := range refused.FieldErrors {
			reasons = append(reasons, flagOf(cmd, e.Field)+" "+e.Reason)
		}
		refused.Detail, refused.FieldErrors = strings.Join(reasons, "; "), nil
	}
	if name := cmd.Name(); name == "break" || name == "step-down" {
		operatorError(refused)
	}
	later := "later"
	if l := refused.Lease; l != nil && l.AvailableIn != nil {
		later = "in " + duration(*l.AvailableIn)
	}
	refused.Detail = strings.NewReplacer("Send wait_ms", "Pass --wait", "after available_in_ms", later,
		"Send a valid token: Authorization: Bearer lockd_...", "Set a valid token: LOCKD_TOKEN or --token-file.",
		"send break=true and principal", "pass --break --principal NAME",
		"repeat the request with break=true and principal=", "run it again with --break --principal ",
		"create one first", "create one first with lockd token create NAME --admin").Replace(refused.Detail)
	return err
}

// timeoutError adds what to do if the command timed out before a node answered.
func timeoutError(err error) error {
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("no answer within --timeout (%w); run 'lockd cluster status' to see whether the cluster has a quorum", err)
}

// readError corrects the detail of a refusal, which is about requests that change something.
func readError(cmd *cobra.Command, err error) error {
	var refused *lockd.Error
	if !errors.As(err, &refused) || !errors.Is(err, lockd.ErrUnavailable) {
		return err
	}
	refused.Detail = refused.Title + ": nothing was read; try again"
	if cmd.Flags().Lookup("stale") != nil {
		refused.Detail += ", or pass --stale to see what the node has"
	}
	return err
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
func flagOf(cmd *cobra.Command, field string) string {
	name := strings.ReplaceAll(strings.TrimSuffix(field, "_ms"), "_", "-")
	name, _, _ = strings.Cut(name, "[") // names[3] is one of the arguments
	if flag := map[string]string{"rules": "allow", "expires-in": "expires"}[name]; flag != "" {
		name = flag
	}
	argument := map[string]string{
		"name": "NAME", "names": "NAME", "principal": "NAME", "token": "TOKEN", "id": "NODE", "to": "NODE",
	}[name]
	switch {
	case cmd.Flags().Lookup(name) != nil:
		return "--" + name
	case argument != "" && strings.Contains(cmd.Use, argument):
		return argument
	}
	return field
}
