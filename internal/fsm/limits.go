package fsm

// Millis is a duration, or a point on the cluster's own clock, in milliseconds.
// The cluster's clock begins at zero with the cluster and never goes back.
type Millis int64

// Every bound of the machine and of the wire stands here, and in openapi.yaml.
const (
	// MaxNameBytes bounds a lease's name on the wire; MaxStoredNameBytes bounds
	// it in the machine, where other faces may need longer ones.
	MaxNameBytes       = 200
	MaxStoredNameBytes = 512

	MaxHolderChars  = 200
	MaxHolderBytes  = MaxHolderChars * 4 // of UTF-8
	MinSessionBytes = 16
	MaxSessionBytes = 128
	MaxAttemptBytes = 64
	MaxMetaBytes    = 4 << 10
	MaxReasonChars  = 500
	MaxReasonBytes  = MaxReasonChars * 4
	MaxNodeBytes    = 64
	MaxAddressBytes = 300

	MinTTL     Millis = 1_000
	MaxTTL     Millis = 24 * 60 * 60 * 1_000
	DefaultTTL Millis = 15_000

	// ShortTTL parts the two kinds of TTL: up to it a renewal is confirmed by a
	// quorum and written nowhere; above it each renewal is an entry, so that a
	// failover keeps what is left instead of starting anew.
	ShortTTL Millis = 60_000

	MaxWait  Millis = 60_000
	MaxDelay Millis = 60_000
	MaxGrace        = MaxTTL

	// TicketGrace is how long a place in the queue outlives the wait that made it.
	TicketGrace Millis = 5_000

	// MinPriority and MaxPriority bound what orders a queue before first come,
	// first served.
	MinPriority = -100
	MaxPriority = 100

	// MaxNames bounds the leases that one command takes together.
	MaxNames = 64

	// MaxWithin bounds how long a holder may be given to hand over.
	MaxWithin = MaxTTL

	MaxLimit         = 1_024
	MaxQueue         = 1_000     // waiters a name
	MaxLeases        = 1_000_000 // names held, delayed or waited for
	MaxSessionLeases = 10_000    // leases and tickets of one session
	MaxNodes         = 64

	// MaxSafeInteger is the largest integer that every JSON reader keeps exact;
	// tokens and revisions stay below it.
	MaxSafeInteger = 1<<53 - 1

	MaxHistoryEvents = 65_536   // events kept for a watch to resume from
	MaxHistoryBytes  = 64 << 20 // and their size
	MaxNameEvents    = 16       // newest events kept with each name
	MaxNameEventSize = 8 << 10  // and their size
	MaxPast          = 65_536   // freed names whose last holder is remembered
	MaxEnds          = 65_536   // ends of holds and waits remembered to refuse late copies of acquires
	MaxEndBytes      = 16 << 20 // and their size
	MinStateBytes    = 8 << 20  // the least budget of bytes that a node may state

	MaxEntryCommands = 1_024
	MaxEntryBytes    = 1 << 20

	// MaxListed bounds what one page of a listing holds, and MaxShown how many
	// holders and waiters an answer that refuses shows beside their counts.
	MaxListed = 1_000
	MaxShown  = 16
)
