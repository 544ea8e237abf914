package lease

// Millis is a duration, or a time on the cluster's clock, in milliseconds. The cluster's
// clock starts at zero with the cluster and never goes back.
type Millis int64

// The limits of the values. A decoder checks them, so they are part of the binary form.
const (
	MaxStoredNameBytes = 512
	MaxHolderChars     = 200
	MaxHolderBytes     = MaxHolderChars * 4 // of UTF-8
	MaxSessionBytes    = 128
	MaxAttemptBytes    = 64
	MaxMetaBytes       = 4 << 10
	MaxReasonChars     = 500
	MaxReasonBytes     = MaxReasonChars * 4
	MaxAddressBytes    = 300 // also of an operator

	// MinPriority and MaxPriority limit the priority, which orders a queue before the time
	// of arrival does.
	MinPriority = -100
	MaxPriority = 100

	MaxLimit = 1_024
	MaxQueue = 1_000 // waiters per lease

	MaxSessionLeases = 10_000 // leases and tickets of one session
	MaxNames         = 64     // leases of one acquire
	MaxListed        = 1_000  // of one page

	MaxHistoryEvents = 65_536   // events kept for a watch to resume from
	MaxHistoryBytes  = 64 << 20 // and their size
	MaxNameEvents    = 16       // newest events kept with each lease
	MaxNameEventSize = 8 << 10  // and their size
	MaxPast          = 65_536   // free leases whose last holder is kept
)
