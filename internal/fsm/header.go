package fsm

// header is the part of the state that has a fixed size. A snapshot of it is a copy.
type header struct {
	version    uint64 // see Version
	cluster    string
	revision   uint64
	now        Millis // cluster time of the last entry
	wall       int64  // wall time of the last entry, for display only
	longestTTL Millis // the longest TTL ever granted
	quarantine Quarantine
	salt       string // see sealSessions
}

// Quarantine keeps a recovered cluster from granting leases until the holds that it may
// have lost have expired. For is 0 if there is none.
type Quarantine struct {
	For  Millis
	From Millis
	Seq  uint64
}

// Version returns the newest version of the applied entries. Snapshots and the hash use that
// version, so that they are the same on every node and every member can read them.
func (h *header) Version() uint64 { return h.version }

// ClusterID returns the cluster's identity, or "" before InitCluster.
func (h *header) ClusterID() string { return h.cluster }

// Revision returns the number of state changes so far.
func (h *header) Revision() uint64 { return h.revision }

// Now returns the cluster time of the last entry.
func (h *header) Now() Millis { return h.now }

// Wall returns the wall time of the last entry, in milliseconds since 1970.
func (h *header) Wall() int64 { return h.wall }

// Longest returns the longest TTL that was ever granted.
func (h *header) Longest() Millis { return h.longestTTL }

// Quarantine returns the running quarantine, if any.
func (h *header) Quarantine() Quarantine { return h.quarantine }

// Salt returns what sessions are sealed with, or "" as long as they are not.
func (h *header) Salt() string { return h.salt }
