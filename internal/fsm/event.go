package fsm

// EventType names a change that watchers see.
type EventType uint8

// The closed list of event types; stored in snapshots: add at the end.
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

// An Event is one change of one lease. Events are immutable: history, names and
// watchers share them. Each name keeps some, so every byte of one counts.
type Event struct {
	Revision uint64
	Wall     int64 // Unix milliseconds, for people's eyes; decides nothing
	Name     string
	Holder   string
	Token    uint64
	Held     Millis // an end: how long the hold lasted
	Vacancy  Millis // acquired: from the end of the last hold to this grant; -1 where there was none
	Meta     string // JSON object, or empty
	Request  *Request
	Type     EventType
	Cause    EventType // acquired: how the last hold ended; delayed, free: what ended the hold
}

// A Request is what was asked for where somebody asked for the change: with
// broken, transferred and step_down.
type Request struct {
	Reason string // broken: the operator's reason
	By     string // broken, step_down: who asked
	To     string // transferred: the label it went to; step_down: the one it should go to
	Within Millis // step_down: the time that the holder was given; 0: none
}

// Requested says what was asked for; it is empty where nobody did.
func (e *Event) Requested() Request {
	if e.Request == nil {
		return Request{}
	}
	return *e.Request
}

// Size returns about how many bytes the event takes.
func (e *Event) Size() int {
	r := e.Requested()
	return 96 + len(e.Name) + len(e.Holder) + len(r.Reason) + len(r.By) + len(r.To) + len(e.Meta)
}
