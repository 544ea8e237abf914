package work

import (
	"context"

	"github.com/lockd/lockd/bench/report"
)

// sizes returns works that measure the same loads with clusters of several sizes.
func sizes() (all []Work) {
	for _, nodes := range []int{1, 3, 5} {
		all = append(all, Work{Name: "nodes", by: onlyLockd, Size: nodes, measure: func(ctx context.Context, b *bench) error {
			const clients = 64
			for _, of := range []struct {
				work string
				op   operation
			}{{"acquire and release", cycle}, {"renew", renew}, {"linearizable read", read}} {
				if err := b.load(ctx, of.op, spread, report.Key{Work: "nodes: " + of.work, Nodes: nodes, Clients: clients}); err != nil {
					return err
				}
			}
			return nil
		}})
	}
	return all
}
