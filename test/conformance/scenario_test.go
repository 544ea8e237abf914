package conformance

import (
	"bytes"
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// A scenario is a story that every client must tell in the same way.
type scenario struct {
	Name  string `json:"name"`
	Rules []int  `json:"rules"` // of clients/README.md
	Steps []step `json:"steps"`

	// Except lists the clients whose language cannot do this, each with the reason.
	Except map[string]string `json:"except,omitempty"`
}

// A step is one thing that a client does or that happens to it.
type step struct {
	Do string `json:"do"`

	Client  string `json:"client,omitempty"`
	Holder  string `json:"holder,omitempty"` // the client's, by default its name
	Session string `json:"session,omitempty"`
	Timeout int    `json:"request_timeout_ms,omitempty"`
	Nowhere bool   `json:"nowhere,omitempty"` // nothing listens where the client looks

	Lease    string `json:"lease,omitempty"` // what the scenario calls a hold
	Name     string `json:"name,omitempty"`
	TTL      int    `json:"ttl_ms,omitempty"`
	Wait     int    `json:"wait_ms,omitempty"`
	Limit    int    `json:"limit,omitempty"`
	Priority int    `json:"priority,omitempty"`
	Meta     any    `json:"meta,omitempty"`
	Keep     *bool  `json:"keep,omitempty"` // false: nothing renews it
	Reclaim  bool   `json:"reclaim,omitempty"`
	To       string `json:"to,omitempty"`

	Node  *int    `json:"node,omitempty"` // which way; all where it is left out
	TTLs  float64 `json:"ttls,omitempty"` // how long, in TTLs of the lease
	Count int     `json:"count,omitempty"`
	Type  string  `json:"type,omitempty"` // of an event
	By    string  `json:"by,omitempty"`

	Want  string `json:"want,omitempty"`  // how it ends; by default "ok"
	Above string `json:"above,omitempty"` // the token is higher than that hold's
	Same  string `json:"same,omitempty"`  // the token is that hold's
	Slot  *int   `json:"slot,omitempty"`
}

func (s step) want() string { return cmp.Or(s.Want, "ok") }

// wants says whether a result is what the step wants. Wrong input may be found by
// the client or by a node.
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
