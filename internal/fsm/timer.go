package fsm

// TimerKind says what ends when a timer runs out. Stored in entries: add at the end.
type TimerKind uint8

// The things that end by time.
const (
	TimerHold       TimerKind = iota + 1 // a hold, or the grace of one that is being broken
	TimerDelay                           // a slot's delay
	TimerTicket                          // a place in a queue
	TimerQuarantine                      // a recovered cluster's quarantine
	timerEnd
)

// A Timer asks the leader's book to watch one deadline, or to forget it. The
// machine says how long; only the leader, which has a clock, knows till when.
type Timer struct {
	Kind TimerKind
	Name string
	ID   uint64 // the hold's token, the ticket's ID, the token whose end began the delay
	Seq  uint64 // to be named in the Expire

	Clear bool   // forget it
	For   Millis // how long, from when the leader applies this, unless Stamped

	// Stamped puts the deadline at From + For on the cluster's clock, so that a
	// new leader goes on with what is left.
	Stamped bool
	From    Millis

	// Keep leaves the deadline that the book has as it is.
	Keep bool
}

func (m *Machine) arm(t Timer) { m.applied.Timers = append(m.applied.Timers, t) }

func (m *Machine) disarm(k TimerKind, name string, id uint64) {
	m.applied.Timers = append(m.applied.Timers, Timer{Kind: k, Name: name, ID: id, Clear: true})
}

// Expire returns the command that ends what the timer watches.
func (t Timer) Expire() *Expire { return &Expire{Timer: t.Kind, Name: t.Name, ID: t.ID, Seq: t.Seq} }

func holdTimer(name string, h *Hold) Timer {
	t := Timer{Kind: TimerHold, Name: name, ID: h.Token, Seq: h.Seq, For: h.TTL, Stamped: h.TTL > ShortTTL, From: h.Renewed}
	if h.Break != nil {
		t.Keep = true
		if h.Break.Grace != InheritGrace {
			t.Keep, t.Stamped, t.From, t.For = false, true, h.Break.At, h.Break.Grace
		}
	}
	return t
}

func ticketTimer(name string, t *Ticket) Timer {
	life := t.Wait + TicketGrace
	if t.WaitEnded {
		life = TicketGrace
	}
	return Timer{Kind: TimerTicket, Name: name, ID: t.ID, Seq: t.Seq, For: life}
}

func delayTimer(name string, c Cooldown) Timer {
	return Timer{Kind: TimerDelay, Name: name, ID: c.Token, Seq: c.Seq, For: c.For, Stamped: true, From: c.From}
}

func quarantineTimer(q Quarantine) Timer {
	return Timer{Kind: TimerQuarantine, Seq: q.Seq, For: q.For}
}

// Timers calls f with every timer that runs, so that a new leader can build its book.
func (m *Machine) Timers(f func(Timer)) {
	if m.quarantine.For > 0 {
		f(quarantineTimer(m.quarantine))
	}
	m.leases.Scan(func(l *Lease) bool {
		for _, h := range l.Holds {
			f(holdTimer(l.Name, h))
		}
		for _, c := range l.Cooldowns {
			f(delayTimer(l.Name, c))
		}
		for _, t := range l.Queue {
			f(ticketTimer(l.Name, t))
		}
		return true
	})
}
