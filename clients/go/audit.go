package lockd

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// An AuditRecord is one line of the audit log of a node. It never has a session or a token.
type AuditRecord struct {
	Time       Time     `json:"time"`
	Seq        uint64   `json:"seq"` // from 1 at each start of the node
	Node       string   `json:"node"`
	RequestID  string   `json:"request_id"`
	Principal  string   `json:"principal,omitempty"` // "": a caller without a credential
	TokenID    string   `json:"token_id,omitempty"`
	Auth       string   `json:"auth"` // the kind of the credential: token, cert, jwt, socket or none
	Remote     string   `json:"remote"`
	Action     string   `json:"action"` // such as lease.acquire
	Names      []string `json:"names,omitempty"`
	Target     string   `json:"target,omitempty"` // what a call of an administrator changes
	LeaseToken uint64   `json:"lease_token,omitempty"`
	Decision   string   `json:"decision"`         // allow or deny
	Status     int      `json:"status,omitempty"` // 0: the call of an operator or an administrator begins
	Reason     string   `json:"reason,omitempty"`
	Revision   uint64   `json:"revision,omitempty"`
}

// AuditOptions filter the records of the audit log.
type AuditOptions struct {
	Actor    string // a principal, the id of a token, or an address
	Action   string // the beginning of an action
	Name     string // of a lease
	Decision string // allow or deny
	Since    time.Time
	Until    time.Time
	Limit    int    // of one page
	Before   uint64 // AuditPage.Next of the previous page
}

// An AuditPage is a page of the newest records of one node, the newest first.
type AuditPage struct {
	Node    string        `json:"node"`
	Records []AuditRecord `json:"records"`
	Next    uint64        `json:"next,omitempty"` // for Before; 0: there are no older records
}

// Audit returns the newest records of the audit log of the node that answers. Each node has its own, so that the client
// should have one address.
func (c *Client) Audit(ctx context.Context, opts AuditOptions) (*AuditPage, error) {
	q := url.Values{}
	setIf(q, "actor", opts.Actor)
	setIf(q, "action", opts.Action)
	setIf(q, "name", opts.Name)
	setIf(q, "decision", opts.Decision)
	if !opts.Since.IsZero() {
		q.Set("since", opts.Since.UTC().Format(time.RFC3339Nano))
	}
	if !opts.Until.IsZero() {
		q.Set("until", opts.Until.UTC().Format(time.RFC3339Nano))
	}
	if opts.Limit > 0 {
		q.Set("limit", strconv.Itoa(opts.Limit))
	}
	if opts.Before > 0 {
		q.Set("before", strconv.FormatUint(opts.Before, 10))
	}
	p := new(AuditPage)
	return orNil(p, c.get(ctx, "/v1/audit", q, p, func() error {
		if p.Records == nil {
			return fmt.Errorf("%w: records", errMissing)
		}
		return nil
	}))
}
