package app

import (
	"context"
	"time"

	"github.com/lockd/lockd/internal/api"
	"github.com/lockd/lockd/internal/api/feed"
	"github.com/lockd/lockd/internal/cluster"
	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/fsm/document"
	"github.com/lockd/lockd/internal/pki"
	"github.com/lockd/lockd/internal/watch"
)

// events implements api.Events for a node.
type events struct {
	*watch.Hub
	node *cluster.Node
}

func (e events) State(name, prefix string) api.State { return e.node.State(name, prefix) }

func (e events) Activity(now int64) (all []feed.Minute) {
	for _, m := range e.Hub.Activity(now) {
		counts := make(map[fsm.EventType]uint64)
		for t, n := range m.Counts {
			if n > 0 {
				counts[fsm.EventType(t)] = n
			}
		}
		all = append(all, feed.Minute{Start: m.Start, Counts: counts})
	}
	return all
}

// objects implements api.Objects for a node.
type objects struct {
	*watch.Hub
	node *cluster.Node
}

func (o objects) Object(k document.Key) *document.Document { return o.node.Object(k) }

func (o objects) Objects() (*document.Table, uint64) { return o.node.Objects() }

func (o objects) NextObjects(
	ctx context.Context, after uint64, match func(*document.Change) bool, most int,
) ([]*document.Change, uint64, error) {
	return o.Hub.Objects.Next(ctx, after, match, most)
}

// members implements api.Cluster for a node.
type members struct {
	*cluster.Node
	version  string // the version of lockd
	exposure func() exposure
}

func (a *App) members() members { return members{a.node, a.cfg.Version, a.exposure} }

func (m members) Here() api.Here {
	return api.Here{Node: m.NodeName(), Leader: m.LeaderName(), Revision: m.Revision()}
}

func (m members) Status() api.Status {
	s, exposed := m.Node.Status(), m.exposure()
	out := api.Status{
		ClusterID: s.ClusterID, Leader: s.Leader, Term: s.Term, Revision: s.Revision, AppliedIndex: s.Applied,
		LastLogTerm: s.LastLogTerm, LastLogIndex: s.LastLogIndex,
		Nodes: []api.Member{},
		Node: api.Self{
			ID: s.Self.ID, Name: s.Self.Name, HTTP: s.Self.HTTP, Peer: s.Self.Peer, State: s.State,
			Version: m.version, EntryVersion: s.Self.Version,
			Insecure: exposed.insecure, Open: exposed.open,
		},
	}
	for _, o := range s.Members {
		out.Nodes = append(out.Nodes, api.Member{
			ID: o.ID, Name: o.Name, HTTP: o.HTTP, Peer: o.Peer, Voter: o.Voter, Leader: o.Leader, Version: o.Version,
			EntryVersion: o.Version,
			LastContact:  milliseconds(o.LastContact),
		})
	}
	return out
}

// describe completes the report of a node.
func (a *App) describe(r *cluster.Report) {
	r.Version = a.cfg.Version
	if a.tls != nil {
		expires := a.tls.Current().Expiry[pki.NodeFile].UTC()
		r.TLSExpires = &expires
	}
}

func (m members) Reports(ctx context.Context) map[string]api.Report {
	reports := make(map[string]api.Report)
	for id, r := range m.Node.Reports(ctx) {
		reports[id] = api.Report(r)
	}
	return reports
}

func milliseconds(d *time.Duration) *int64 {
	if d == nil {
		return nil
	}
	ms := d.Milliseconds()
	return &ms
}
