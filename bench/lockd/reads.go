package lockd

import (
	"context"
	"encoding/json"
	"net/url"
)

// Queue returns the length of a lease's queue in the node's own state.
func (c *client) Queue(ctx context.Context, name string) (int, error) {
	body, err := c.Body(ctx, "/v1/leases/"+name+"?stale=true")
	if err != nil {
		return 0, err
	}
	var lease struct {
		Length int `json:"queue_length"`
	}
	return lease.Length, json.Unmarshal(body, &lease)
}

// Page lists up to limit leases below a prefix after a cursor. It returns their number and the next cursor, which is
// empty after the last page.
func (c *client) Page(ctx context.Context, prefix, after, limit string) (count int, next string, err error) {
	body, err := c.Body(ctx, "/v1/leases?"+url.Values{"prefix": {prefix}, "cursor": {after}, "limit": {limit}}.Encode())
	if err != nil {
		return 0, "", err
	}
	var page struct {
		Leases []json.RawMessage
		Next   string
	}
	err = json.Unmarshal(body, &page)
	return len(page.Leases), page.Next, err
}
