package lockd

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
)

// A Quota limits what the leases in a scope take together. 0 means no limit. If scopes overlap, a
// lease counts for the longest one only.
type Quota struct {
	Scope    string     `json:"scope"`
	Leases   uint64     `json:"leases,omitempty"`
	Waiters  uint64     `json:"waiters,omitempty"`
	Bytes    uint64     `json:"bytes,omitempty"`
	Watchers uint64     `json:"watchers,omitempty"` // at each node
	Used     *QuotaUsed `json:"used,omitempty"`     // of Quotas
}

// QuotaUsed is what is used of a quota.
type QuotaUsed struct {
	Leases   uint64 `json:"leases"`
	Waiters  uint64 `json:"waiters"`
	Bytes    uint64 `json:"bytes"`
	Watchers uint64 `json:"watchers"` // at the node that answered
}

// Quotas returns all quotas, the longest scopes first.
func (c *Client) Quotas(ctx context.Context) ([]Quota, error) {
	var all struct {
		Quotas []Quota `json:"quotas"`
	}
	err := c.get(ctx, "/v1/quotas", nil, &all, func() error {
		if all.Quotas == nil {
			return fmt.Errorf("%w: quotas", errMissing)
		}
		return nil
	})
	return all.Quotas, err
}

// SetQuota creates a quota, or replaces the limits of the one with its scope.
func (c *Client) SetQuota(ctx context.Context, q Quota) (*Quota, error) {
	q.Used = nil
	set := new(Quota)
	return orNil(set, c.change(ctx, call{method: http.MethodPost, path: "/v1/quotas", body: q, out: set, repeatable: true}))
}

// DeleteQuota deletes the quota with a scope.
func (c *Client) DeleteQuota(ctx context.Context, scope string) error {
	return c.change(ctx, call{method: http.MethodDelete, path: "/v1/quotas", query: url.Values{"scope": {scope}}, out: new(Deletion)})
}
