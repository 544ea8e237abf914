package fsm

import (
	"github.com/lockd/lockd/internal/fsm/lease"
	"github.com/lockd/lockd/internal/fsm/outcome"
)

// The values of the state. Package lease has them; the packages around the machine use
// these names.
type (
	// A Lease is a named, time-limited right with up to Limit holders.
	Lease = lease.Lease
	// State is the state of a lease as a client sees it that does not hold it.
	State = lease.State
	// A Hold is one session's right to a lease.
	Hold = lease.Hold
	// A Ticket is a place in a lease's queue.
	Ticket = lease.Ticket
	// An Origin is what a ticket or a hold comes from: an attempt to acquire, and its caller.
	Origin = lease.Origin
	// An AttemptID identifies one attempt to acquire.
	AttemptID = lease.AttemptID
	// A Cooldown keeps a slot unavailable for a delay.
	Cooldown = lease.Cooldown
	// Breaking is an operator's break of a hold whose grace is still running.
	Breaking = lease.Breaking
	// A StepDownRequest is an operator's request to a holder to hand over.
	StepDownRequest = lease.StepDownRequest
	// Previous is how the last hold of a lease ended.
	Previous = lease.Previous
	// An Event is one change of one lease.
	Event = lease.Event
	// EventType names a change that watchers see.
	EventType = lease.EventType
	// A Request has the parameters of a change that a holder or an operator requested.
	Request = lease.Request
	// A Selection selects active leases and orders them.
	Selection = lease.Selection
)

// The states of a lease.
const (
	StateFree     = lease.StateFree
	StateHeld     = lease.StateHeld
	StateDelayed  = lease.StateDelayed
	StateBreaking = lease.StateBreaking
)

// The event types.
const (
	EventAcquired    = lease.EventAcquired
	EventReleased    = lease.EventReleased
	EventExpired     = lease.EventExpired
	EventBroken      = lease.EventBroken
	EventTransferred = lease.EventTransferred
	EventDelayed     = lease.EventDelayed
	EventFree        = lease.EventFree
	EventMeta        = lease.EventMeta
	EventStepDown    = lease.EventStepDown
	EventReclaimed   = lease.EventReclaimed
)

// InheritGrace as a grace lets a broken hold last as long as its holder was promised.
const InheritGrace = lease.InheritGrace

// EventTypes returns every type, in order.
func EventTypes() []EventType { return lease.EventTypes() }

// Names of package outcome that other packages use.
type (
	// Code is the outcome of a command.
	Code = outcome.Code
	// A Result is the outcome of one command.
	Result = outcome.Result
	// Held names one hold of a session.
	Held = outcome.Held
	// A Reply is a Result with times of the leader's clock.
	Reply = outcome.Reply
	// A View is one lease as a read shows it.
	View = outcome.View
	// Clock is what the leader's deadlines state about one hold.
	Clock = outcome.Clock
	// QueryKind is the kind of a read.
	QueryKind = outcome.QueryKind
	// A Query is a read of the machine.
	Query = outcome.Query
	// An Answer is the result of a Query.
	Answer = outcome.Answer
)

// The codes.
const (
	CodeOK            = outcome.CodeOK
	CodeGranted       = outcome.CodeGranted
	CodeQueued        = outcome.CodeQueued
	CodeHeld          = outcome.CodeHeld
	CodeDelayed       = outcome.CodeDelayed
	CodeLimitMismatch = outcome.CodeLimitMismatch
	CodeSessionInUse  = outcome.CodeSessionInUse
	CodeNotHolder     = outcome.CodeNotHolder
	CodeBroken        = outcome.CodeBroken
	CodeStaleToken    = outcome.CodeStaleToken
	CodeNoCandidate   = outcome.CodeNoCandidate
	CodeQueueFull     = outcome.CodeQueueFull
	CodeTooManyLeases = outcome.CodeTooManyLeases
	CodeOutdated      = outcome.CodeOutdated
	CodeStateFull     = outcome.CodeStateFull
	CodeWithdrawn     = outcome.CodeWithdrawn
	CodeAccessRefused = outcome.CodeAccessRefused
	CodeQuota         = outcome.CodeQuota
	CodeObjectRefused = outcome.CodeObjectRefused
)

// The reads.
const (
	QueryLease   = outcome.QueryLease
	QueryList    = outcome.QueryList
	QueryHistory = outcome.QueryHistory
	QueryObject  = outcome.QueryObject
	QueryExplain = outcome.QueryExplain
)

// Codes returns every code, in order.
func Codes() []Code { return outcome.Codes() }

// EncodeQuery returns a query's bytes in a version, or ErrNotYet.
func EncodeQuery(q Query, version uint64) ([]byte, error) {
	b, ok := outcome.EncodeQuery(q, version)
	if !ok {
		return nil, ErrNotYet
	}
	return b, nil
}
