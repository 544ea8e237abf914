package lease

// EventType names a change that watchers see.
type EventType uint8

// The event types. They are stored in snapshots: add at the end, never reorder.
const (
	EventAcquired EventType = iota + 1
	EventReleased
	EventExpired
	EventBroken
	EventTransferred
	EventDelayed
	EventFree
	EventMeta
	EventStepDown
	EventReclaimed
	eventEnd
)

var eventNames = [...]string{
	EventAcquired:    "acquired",
	EventReleased:    "released",
	EventExpired:     "expired",
	EventBroken:      "broken",
	EventTransferred: "transferred",
	EventDelayed:     "delayed",
	EventFree:        "free",
	EventMeta:        "meta",
	EventStepDown:    "step_down",
	EventReclaimed:   "reclaimed",
}

func (t EventType) String() string {
	if t > 0 && t < eventEnd {
		return eventNames[t]
	}
	return ""
}

// EventTypes returns every type, in order.
func EventTypes() []EventType {
	var all []EventType
	for t := EventAcquired; t < eventEnd; t++ {
		all = append(all, t)
	}
	return all
}

// An Event is one change of one lease. Events are immutable: the history, leases and
// watchers share them. Each lease keeps some, so their size matters.
type Event struct {
	Revision uint64
	Wall     int64 // Unix milliseconds, for display only
	Name     string
	Holder   string
	Token    uint64
	Held     Millis // an end: how long the hold lasted
	Vacancy  Millis // acquired: from the end of the last hold to this grant; -1 if there was none
	Meta     string // JSON object, or empty
	Request  *Request
	Type     EventType
	Cause    EventType // acquired: how the last hold ended; delayed, free: what ended the hold
}

// A Request has the parameters of a change that a holder or an operator requested: broken,
// transferred and step_down.
type Request struct {
	Reason string // broken: the operator's reason
	By     string // broken, step_down: the operator
	To     string // transferred: the new holder name; step_down: the requested one
	Within Millis // step_down: the time that the holder has; 0: no limit
}

// Requested returns the event's request, or an empty one if there is none.
func (e *Event) Requested() Request {
	if e.Request == nil {
		return Request{}
	}
	return *e.Request
}
