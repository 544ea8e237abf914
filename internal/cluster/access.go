package cluster

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm"
)

// known is what a node looks up for each request, without the replica's lock.
type known struct {
	mode    access.Mode
	salt    string
	changed chan struct{} // closed when who may do what changes
	denied  []string      // serial numbers of certificates
}

// knowledge publishes what a replica knows of who may do what.
type knowledge struct{ current atomic.Pointer[known] }

func newKnowledge() *knowledge {
	k := &knowledge{}
	k.current.Store(&known{changed: make(chan struct{})})
	return k
}

// publish is called under the replica's lock.
func (k *knowledge) publish(m *fsm.Machine) {
	before := k.current.Swap(&known{mode: m.Access().Mode(), salt: m.Salt(), denied: m.Access().Serials(), changed: make(chan struct{})})
	close(before.changed)
}

// Access is who may do what, as this node knows it.
type Access struct{ n *Node }

// Access returns who may do what.
func (n *Node) Access() Access { return Access{n} }

// Mode returns whether requests need credentials.
func (a Access) Mode() access.Mode { return a.n.replica.known.current.Load().mode }

// Denied reports whether the certificate of a node is denied.
func (a Access) Denied(serial string) bool {
	return slices.Contains(a.n.replica.known.current.Load().denied, serial)
}

// Changed returns a channel that is closed when anything of it changes.
func (a Access) Changed() <-chan struct{} { return a.n.replica.known.current.Load().changed }

// Token returns the record of a token and what it allows now, or nil if this node knows no token with that ID.
func (a Access) Token(id string) (record *access.Record, rules access.Rules) {
	a.n.replica.view(func(m *fsm.Machine) {
		if record = m.Access().Token(id); record != nil {
			rules = m.Access().RulesOf(record)
		}
	})
	return record, rules
}

// Rules returns what a principal may do, or nil if there is no such principal.
func (a Access) Rules(principal string) (rules access.Rules) {
	a.n.replica.view(func(m *fsm.Machine) {
		if p := m.Access().Principal(principal); p != nil {
			rules = p.Rules
		}
	})
	return rules
}

// Table returns a copy of all principals and tokens.
func (a Access) Table() (t *access.Table) {
	a.n.replica.view(func(m *fsm.Machine) { t = m.Access().Copy() })
	return t
}

// Quotas returns the quotas, and what the leases of each take.
func (a Access) Quotas() (quotas []access.Quota, used []fsm.QuotaUsage) {
	a.n.replica.view(func(m *fsm.Machine) { quotas, used = m.Access().Quotas(), fsm.QuotaUsages(m) })
	return quotas, used
}

// CatchUp waits until this node has applied what the leader had when it was called.
func (a Access) CatchUp(ctx context.Context) error {
	answer, err := a.n.Query(ctx, fsm.Query{Kind: fsm.QueryList, Limit: 1}, false)
	if err != nil {
		return err
	}
	ticker := time.NewTicker(catchUpPause / 10)
	defer ticker.Stop()
	for a.n.Revision() < answer.Revision {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
	return nil
}
