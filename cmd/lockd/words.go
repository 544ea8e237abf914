package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
)

// inWords says a node's refusal in the words of the command line: its flags and
// arguments, where the node names the members of a request.
func inWords(cmd *cobra.Command, err error) error {
	var refused *lockd.Error
	if !errors.As(err, &refused) {
		return outOfTime(err)
	}
	if len(refused.FieldErrors) > 0 {
		var said []string
		for _, e := range refused.FieldErrors {
			said = append(said, word(cmd, e.Field)+" "+e.Reason)
		}
		refused.Detail, refused.FieldErrors = strings.Join(said, "; "), nil
	}
	if name := cmd.Name(); name == "break" || name == "step-down" {
		ofAnother(refused)
	}
	later := "later"
	if l := refused.Lease; l != nil && l.AvailableIn != nil {
		later = "in " + duration(*l.AvailableIn)
	}
	refused.Detail = strings.NewReplacer("Send wait_ms", "Say --wait", "after available_in_ms", later).Replace(refused.Detail)
	return err
}

// outOfTime says what to do if the command's time ended before a node answered.
func outOfTime(err error) error {
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("no answer within --timeout (%w); run 'lockd cluster status' to see whether the cluster has a quorum", err)
}

// ofARead corrects what a node's refusal says of requests that change something.
func ofARead(cmd *cobra.Command, err error) error {
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

// ofAnother says a loss in the words of an operator, who named another's hold and
// has lost nothing by its end.
func ofAnother(refused *lockd.Error) {
	switch refused.Type {
	case lockd.TypeStaleToken:
		refused.Detail = "no hold has that token: it has ended, or never was of this lease; nothing was changed"
	case lockd.TypeBroken:
		refused.Detail = "the hold is broken already, and ends by itself; nothing was changed"
	}
	refused.Lost = false
}

// word is what a verb calls a member of a request.
func word(cmd *cobra.Command, field string) string {
	name := strings.ReplaceAll(strings.TrimSuffix(field, "_ms"), "_", "-")
	name, _, _ = strings.Cut(name, "[") // names[3] is one of the arguments
	argument := map[string]string{"name": "NAME", "names": "NAME", "token": "TOKEN", "id": "NODE", "to": "NODE"}[name]
	switch {
	case cmd.Flags().Lookup(name) != nil:
		return "--" + name
	case argument != "" && strings.Contains(cmd.Use, argument):
		return argument
	}
	return field
}
