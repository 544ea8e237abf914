// Package suggest finds completions for the shell in what the nodes report.
package suggest

import (
	"context"
	"slices"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console"
	"github.com/lockd/lockd/internal/console/cells"
)

// Most is the maximum number of completions that a shell receives.
const Most = 200

// A Lookup returns the completions that begin with a prefix. args are the arguments before it.
type Lookup func(ctx context.Context, client *lockd.Client, args []string, prefix string) ([]string, error)

// Described returns a completion with a description, which the shell may show.
func Described(value, description string) string {
	if description = console.Plain(description); description == "" {
		return value
	}
	return value + "\t" + description
}

// Names completes the name of a lease.
func Names(ctx context.Context, client *lockd.Client, args []string, prefix string) (found []string, err error) {
	page, err := client.List(ctx, lockd.ListOptions{Prefix: prefix, Limit: Most, Stale: true})
	if err != nil {
		return nil, err
	}
	for _, l := range page.Leases {
		switch {
		case slices.Contains(args, l.Name):
		case l.Holder != "":
			found = append(found, Described(l.Name, "held by "+l.Holder))
		default:
			found = append(found, Described(l.Name, l.State))
		}
	}
	return found, nil
}

// Tokens completes a token of the lease that the first argument names.
func Tokens(ctx context.Context, client *lockd.Client, args []string, _ string) (found []string, err error) {
	if len(args) == 0 {
		return nil, nil
	}
	s, err := client.Get(ctx, args[0], lockd.Stale())
	if err != nil {
		return nil, err
	}
	for _, h := range s.Holders {
		found = append(found, Described(cells.Token(h.Token), h.Holder))
	}
	return found, nil
}

// Waiters completes the label of a waiter of the lease that the first argument names.
func Waiters(ctx context.Context, client *lockd.Client, args []string, _ string) (found []string, err error) {
	if len(args) == 0 {
		return nil, nil
	}
	s, err := client.Get(ctx, args[0], lockd.Stale())
	if err != nil {
		return nil, err
	}
	for _, w := range s.Queue {
		found = append(found, console.Plain(w.Holder))
	}
	return found, nil
}

// Nodes completes the name of a member.
func Nodes(ctx context.Context, client *lockd.Client, args []string, _ string) (found []string, err error) {
	cluster, err := client.Cluster(ctx)
	if err != nil || len(args) > 0 {
		return nil, err
	}
	for _, n := range cluster.Nodes {
		found = append(found, Described(n.Name, n.HTTP))
	}
	return found, nil
}
