package lease

// A size is an estimate of memory that is the same on every node.
const (
	leaseSize    = 512 // bytes, without its name, holds, tickets and cooldowns
	holdSize     = 320
	ticketSize   = 320
	cooldownSize = 160
	historySize  = 200
)

func (o *Origin) size() int { return len(o.Attempt) + len(o.Principal) }

func (h *Hold) size() int {
	return holdSize + len(h.Holder) + 2*len(h.Session) + len(h.Meta) + h.Origin.size()
}

func (t *Ticket) size() int {
	return ticketSize + len(t.Holder) + 2*len(t.Session) + len(t.Meta) + t.Origin.size()
}

func (h *History) size() int {
	size := historySize
	if h.Ended != nil {
		size += historySize + len(h.Ended.Holder) + len(h.Ended.Session) + len(h.Ended.To)
	}
	for _, e := range h.Events {
		size += e.Size()
	}
	return size
}

// Size returns the approximate size of a stored lease in bytes.
func (l *Lease) Size() int {
	size := leaseSize + 3*len(l.Name) + l.History.size()
	for _, h := range l.Holds {
		size += h.size()
	}
	for _, t := range l.Queue {
		size += t.size()
	}
	for _, c := range l.Cooldowns {
		size += cooldownSize + len(c.Holder)
	}
	return size
}

// Size returns the approximate size of a free lease in bytes.
func (p Past) Size() int { return leaseSize + 2*len(p.Name) + p.History.size() }

// Size returns the approximate size of the event in bytes.
func (e *Event) Size() int {
	r := e.Requested()
	return 96 + len(e.Name) + len(e.Holder) + len(r.Reason) + len(r.By) + len(r.To) + len(e.Meta)
}
