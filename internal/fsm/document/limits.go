package document

import "github.com/lockd/lockd/internal/fsm/lease"

// The limits of the values. A decoder checks them, so they are part of the binary form.
const (
	MaxNamespaceBytes = 63
	MaxNameBytes      = 253
	MaxBodyBytes      = 16 << 10
	MaxVersionBytes   = 256 // of a candidate's versions and of a strategy
	MaxUIDBytes       = 36
)

// The limits of the numbers of documents.
const (
	MaxLeases        = 100_000
	MaxCandidates    = 10_000
	MaxCandidatesOf  = 100   // of one Lease
	MaxEvents        = 2_000 // the newest are kept
	MaxEventBytes    = 2 << 20
	MaxPermanent     = 10_000 // holds without a TTL
	MaxChangesKept   = 65_536
	MaxChangeKeptAll = 64 << 20
)

// The times of an election.
const (
	// CandidateLife is how long a candidate counts after its last renewal.
	CandidateLife lease.Millis = 30 * 60 * 1_000
	// Fresh is how long a candidate counts as alive without another ping.
	Fresh lease.Millis = 5_000
	// PingTime is how long an election waits for candidates that do not answer.
	PingTime lease.Millis = 1_000
	// ElectedTTL is how long an elected candidate has to take over.
	ElectedTTL lease.Millis = 5_000
)
