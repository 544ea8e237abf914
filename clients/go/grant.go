package lockd

import "encoding/json"

// A Grant is a node's answer to an acquire or a renewal: you hold it. Its
// durations count from when the request was sent; Lease.Deadline does the sum.
type Grant struct {
	Name      string    `json:"name"`
	Holder    string    `json:"holder"`
	Session   string    `json:"session"`
	Token     uint64    `json:"token"` // fencing number: grows with every grant of any name
	Slot      int       `json:"slot"`  // 0 to limit-1, stable while held
	TTL       Millis    `json:"ttl_ms"`
	ExpiresIn Millis    `json:"expires_in_ms"`
	RenewIn   Millis    `json:"renew_in_ms"`
	Waited    Millis    `json:"waited_ms"`
	Revision  uint64    `json:"revision"`
	Previous  *Previous `json:"previous,omitempty"` // not with a renewal

	Meta     json.RawMessage `json:"meta,omitempty"`
	StepDown *StepDown       `json:"step_down,omitempty"` // nil where nobody asked for a hand-over
}

// Previous says how the last hold of a name ended.
type Previous struct {
	Holder string `json:"holder"`
	Token  uint64 `json:"token"`
	End    string `json:"end"` // released, transferred, expired, broken or reclaimed
}
