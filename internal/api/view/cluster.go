package view

import "time"

// Status is the answer to GET /v1/cluster.
type Status struct {
	ClusterID    string   `json:"cluster_id"` // empty before the cluster is bootstrapped
	Node         Self     `json:"node"`
	Leader       string   `json:"leader"` // a name, or empty
	Term         uint64   `json:"term"`
	Revision     uint64   `json:"revision"`
	AppliedIndex uint64   `json:"applied_index"`
	LastLogTerm  uint64   `json:"last_log_term"`
	LastLogIndex uint64   `json:"last_log_index"`
	Nodes        []Member `json:"nodes"`
}

// Self describes the node that answers.
type Self struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	HTTP    string `json:"http"`    // advertised address for clients
	Peer    string `json:"peer"`    // advertised address for nodes
	State   string `json:"state"`   // leader, follower, candidate or fresh
	Version string `json:"version"` // the version of lockd

	EntryVersion uint64 `json:"entry_version"` // the newest log entry version that it reads

	Insecure bool `json:"insecure"` // it runs with --insecure
	Open     bool `json:"open"`     // every client that can connect from another machine may do everything
}

// Member is one node of the cluster.
type Member struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	HTTP    string `json:"http"`
	Peer    string `json:"peer"`
	Voter   bool   `json:"voter"`
	Leader  bool   `json:"leader"`
	Version uint64 `json:"version"` // the entry version, under its former name

	EntryVersion uint64 `json:"entry_version"` // the newest log entry version that it reads

	Report *Report `json:"report,omitempty"` // only if it was asked for, and the member answered

	LastContact *int64 `json:"last_contact_ms,omitempty"` // time since the last contact; nil if it is not known
}

// Report is what a node states about itself.
type Report struct {
	Version    string     `json:"version"` // of lockd
	Applied    uint64     `json:"applied_index"`
	DiskWrite  int64      `json:"disk_write_ms"` // of the last write to the log, or of one under way that takes longer
	TLSExpires *time.Time `json:"tls_expires,omitempty"`
}
