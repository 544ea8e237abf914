package conformance

import (
	"bytes"
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// A scenario is a sequence of steps that has the same outcome with every client.
type scenario struct {
	Name  string `json:"name"`
	Rules []int  `json:"rules"` // of clients/README.md
	Steps []step `json:"steps"`

	// Secured: the cluster has TLS and requires credentials. Each client has a principal.
	Secured bool `json:"secured,omitempty"`

	// Except lists the clients whose language cannot run this scenario, each with the reason.
	Except map[string]string `json:"except,omitempty"`
}

// A step is an action of a client, an event, or a failure.
type step struct {
	Do string `json:"do"`

	Client  string `json:"client,omitempty"`
	Holder  string `json:"holder,omitempty"` // of the client, by default its name
	Session string `json:"session,omitempty"`
	Timeout int    `json:"request_timeout_ms,omitempty"`
	Nowhere bool   `json:"nowhere,omitempty"` // nothing listens at the addresses of the client

	Principal  string   `json:"principal,omitempty"`  // of the client, by default its name
	Rules      []string `json:"rules,omitempty"`      // of the principal, by default acquire on all leases
	Credential string   `json:"credential,omitempty"` // by default a token
	Expires    int      `json:"expires_ms,omitempty"` // the life of the certificate
	Authority  string   `json:"authority,omitempty"`  // in the client's file: by default that of the nodes

	Lease    string `json:"lease,omitempty"` // the ID of a hold in the scenario
	Name     string `json:"name,omitempty"`
	TTL      int    `json:"ttl_ms,omitempty"`
	Wait     int    `json:"wait_ms,omitempty"`
	Limit    int    `json:"limit,omitempty"`
	Priority int    `json:"priority,omitempty"`
	Meta     any    `json:"meta,omitempty"`
	Keep     *bool  `json:"keep,omitempty"` // false: it is not renewed
	Reclaim  bool   `json:"reclaim,omitempty"`
	To       string `json:"to,omitempty"`

	Node  *int    `json:"node,omitempty"` // index of the link; nil: all links
	TTLs  float64 `json:"ttls,omitempty"` // a duration, in TTLs of the lease
	Count int     `json:"count,omitempty"`
	Type  string  `json:"type,omitempty"` // of an event
	By    string  `json:"by,omitempty"`

	Want  string `json:"want,omitempty"`  // the result; by default "ok"
	Above string `json:"above,omitempty"` // the token is higher than the token of that hold
	Same  string `json:"same,omitempty"`  // the token is the token of that hold
	Slot  *int   `json:"slot,omitempty"`
}

func (s step) want() string { return cmp.Or(s.Want, "ok") }

// wants reports whether a result is what the step expects. Invalid input may be refused by the
// client or by a node.
func (s step) wants(result string) bool {
	if s.Want == "wrong" {
		return result == "invalid" || result == "refused"
	}
	return result == s.want()
}

func scenarios(t *testing.T) (all []scenario) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, "clients/conformance/scenarios.json"))
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&all); err != nil {
		t.Fatal(err)
	}
	return all
}
