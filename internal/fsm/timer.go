package fsm

// TimerKind is what a timer ends. It is stored in entries: add at the end, never reorder.
type TimerKind uint8

// The kinds of timers.
const (
	TimerHold       TimerKind = iota + 1 // a hold, or the grace of one that is being broken
	TimerDelay                           // a cooldown
	TimerTicket                          // a place in a queue
	TimerQuarantine                      // a recovered cluster's quarantine
	TimerElection                        // the time for answers in a round of an election
	timerEnd
)

// A Timer sets one deadline of the leader, or removes it. The machine states how long it
// lasts; the leader, which has a clock, computes when it ends.
type Timer struct {
	Kind TimerKind
	Name string
	ID   uint64 // the hold's token, the ticket's ID, the token whose end began the delay
	Seq  uint64 // see Expire.Seq

	Clear bool   // remove the deadline
	For   Millis // how long it lasts, from when the leader applies the entry unless Stamped

	// Stamped sets the deadline to From + For on the cluster's clock, so that a new leader
	// continues with the remaining time.
	Stamped bool
	From    Millis

	// Keep leaves an existing deadline unchanged.
	Keep bool
}

func (a *Applied) arm(t Timer) { a.Timers = append(a.Timers, t) }

func (a *Applied) disarm(k TimerKind, name string, id uint64) {
	a.arm(Timer{Kind: k, Name: name, ID: id, Clear: true})
}

// Expire returns the command for an expired timer.
func (t Timer) Expire() *Expire { return &Expire{Timer: t.Kind, Name: t.Name, ID: t.ID, Seq: t.Seq} }

// holdTimer returns the timer of a hold. A hold without a TTL has one only while it is being broken: the timer clears
// another one.
func holdTimer(name string, h *Hold) Timer {
	if h.TTL == 0 && h.Break == nil {
		return Timer{Kind: TimerHold, Name: name, ID: h.Token, Clear: true}
	}
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

// Timers calls f with every running timer, so that a new leader can set its deadlines.
func (m *Machine) Timers(f func(Timer)) {
	if m.quarantine.For > 0 {
		f(quarantineTimer(m.quarantine))
	}
	m.leases.Scan(func(l *Lease) bool {
		for _, h := range l.Holds {
			if t := holdTimer(l.Name, h); !t.Clear {
				f(t)
			}
		}
		for _, c := range l.Cooldowns {
			f(delayTimer(l.Name, c))
		}
		for _, t := range l.Queue {
			f(ticketTimer(l.Name, t))
		}
		return true
	})
	for _, r := range m.documents.Rounds() {
		if !r.Over {
			f(roundTimer(r))
		}
	}
}
