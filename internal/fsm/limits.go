package fsm

import "github.com/lockd/lockd/internal/fsm/lease"

// Millis is a duration, or a time on the cluster's clock, in milliseconds. The cluster's
// clock starts at zero with the cluster and never goes back.
type Millis = lease.Millis

// The limits of the values: see package lease.
const (
	MaxStoredNameBytes = lease.MaxStoredNameBytes
	MaxHolderChars     = lease.MaxHolderChars
	MaxHolderBytes     = lease.MaxHolderBytes
	MaxSessionBytes    = lease.MaxSessionBytes
	MaxAttemptBytes    = lease.MaxAttemptBytes
	MaxMetaBytes       = lease.MaxMetaBytes
	MaxReasonChars     = lease.MaxReasonChars
	MaxReasonBytes     = lease.MaxReasonBytes
	MaxAddressBytes    = lease.MaxAddressBytes
	MinPriority        = lease.MinPriority
	MaxPriority        = lease.MaxPriority
	MaxLimit           = lease.MaxLimit
	MaxQueue           = lease.MaxQueue
	MaxNameEvents      = lease.MaxNameEvents
	MaxNameEventSize   = lease.MaxNameEventSize
	MaxPast            = lease.MaxPast
	MaxHistoryEvents   = lease.MaxHistoryEvents
	MaxHistoryBytes    = lease.MaxHistoryBytes
	MaxSessionLeases   = lease.MaxSessionLeases
	MaxNames           = lease.MaxNames
	MaxListed          = lease.MaxListed
)

// The limits of the machine and of the HTTP API. openapi.yaml has the latter too.
const (
	// MaxNameBytes limits the name of a lease in the HTTP API; MaxStoredNameBytes limits
	// it in the machine, so that another API can allow longer names.
	MaxNameBytes = 200

	MinSessionBytes = 16
	MaxNodeBytes    = 64

	MinTTL     Millis = 1_000
	MaxTTL     Millis = 24 * 60 * 60 * 1_000
	DefaultTTL Millis = 15_000

	// ShortTTL is the longest TTL whose renewals a quorum confirms without an entry. With
	// a longer TTL each renewal is an entry, so that a failover keeps the remaining time
	// instead of starting the TTL again.
	ShortTTL Millis = 60_000

	MaxWait  Millis = 60_000
	MaxDelay Millis = 60_000
	MaxGrace        = MaxTTL

	// TicketGrace is how long a ticket stays in the queue after its wait.
	TicketGrace Millis = 5_000

	// MaxWithin limits the time that a StepDown gives the holder.
	MaxWithin = MaxTTL

	MaxLeases = 1_000_000 // leases that are held, delayed or waited for
	MaxNodes  = 64

	// MaxSafeInteger is the largest integer that every JSON parser represents exactly.
	// Tokens and revisions are at most this large.
	MaxSafeInteger = 1<<53 - 1

	MaxEnds       = 65_536   // ends of holds and waits that are kept to refuse late copies of acquires
	MaxEndBytes   = 16 << 20 // and their size
	MinStateBytes = 8 << 20  // the smallest Node.MaxState

	MaxEntryCommands = 1_024
	MaxEntryBytes    = 1 << 20

	// MaxShown limits the holders and waiters that a refusal shows in addition to their
	// numbers.
	MaxShown = 16
)
