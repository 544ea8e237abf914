package api

import (
	"net/http"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/api/form"
	"github.com/lockd/lockd/internal/fsm"
)

// quotaBody shows a quota. A limit that is absent does not limit.
type quotaBody struct {
	Scope    string     `json:"scope"`
	Leases   uint64     `json:"leases,omitempty"`
	Waiters  uint64     `json:"waiters,omitempty"`
	Bytes    uint64     `json:"bytes,omitempty"`
	Watchers uint64     `json:"watchers,omitempty"`
	Used     *quotaUsed `json:"used,omitempty"` // as this node knows it
}

type quotaUsed struct {
	Leases   int `json:"leases"`
	Waiters  int `json:"waiters"`
	Bytes    int `json:"bytes"`
	Watchers int `json:"watchers"` // at this node
}

func newQuota(q access.Quota) quotaBody {
	return quotaBody{Scope: q.Scope, Leases: q.Leases, Waiters: q.Waiters, Bytes: q.Bytes, Watchers: q.Watchers}
}

type quotasBody struct {
	Quotas []quotaBody `json:"quotas"`
}

func listQuotas(c *call) {
	b := quotasBody{Quotas: []quotaBody{}}
	quotas, used := c.s.cfg.Access.Quotas()
	for i, q := range quotas {
		shown := newQuota(q)
		shown.Used = &quotaUsed{used[i].Leases, used[i].Waiters, used[i].Bytes, c.s.watching.Count(q.Scope)}
		b.Quotas = append(b.Quotas, shown)
	}
	c.json(http.StatusOK, 0, b)
}

func setQuota(c *call) {
	var q access.Quota
	if !c.decode(form.Members{Required: []string{"scope"}, Optional: []string{"leases", "waiters", "bytes", "watchers"}}, func(d *form.Decoder, field string) bool {
		limit := func(to *uint64) { *to = uint64(d.Integer(field, 1, fsm.MaxSafeInteger)) } //nolint:gosec // at least 1
		switch field {
		case "scope":
			q.Scope = d.Text(field)
		case "leases":
			limit(&q.Leases)
		case "waiters":
			limit(&q.Waiters)
		case "bytes":
			limit(&q.Bytes)
		case "watchers":
			limit(&q.Watchers)
		default:
			return false
		}
		return true
	}) {
		return
	}
	if r, ok := changeAccess(c, "a quota is set", access.Change{Kind: access.SetQuota, Quota: q}, "scope", q.Scope); ok {
		c.json(http.StatusOK, r.Revision, newQuota(q))
	}
}

func deleteQuota(c *call) {
	scope := c.query.Get("scope")
	change := access.Change{Kind: access.DeleteQuota, Quota: access.Quota{Scope: scope}}
	if r, ok := changeAccess(c, "a quota is deleted", change, "scope", scope); ok {
		c.json(http.StatusOK, r.Revision, deletedBody{Scope: scope, Revision: r.Revision})
	}
}
