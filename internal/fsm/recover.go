package fsm

// RecoverJump is how much Recover adds to the revision, so that no token is granted again
// that the lost part of the cluster may have granted.
const RecoverJump = 1 << 32

// MaxFloor limits Recover.Floor, which comes from a wall clock. It leaves a million more
// recoveries below MaxSafeInteger.
const MaxFloor = 1 << 52

// Recover starts a cluster again after its quorum was lost or a backup was restored. Tokens
// jump ahead, and nothing is granted during the quarantine, because holders that are not
// in this state may still be active. Watchers cannot resume: they may have received events
// that are not in this state.
type Recover struct {
	Floor      uint64 // the minimum revision afterwards, from the operator's wall clock
	Quarantine Millis // 0: none
}

func (*Recover) kind() kind { return 14 }

// Traits implements Command.
func (*Recover) Traits() Traits {
	return Traits{Lane: LaneDefault, Weight: 1, Idempotent: true, Internal: true}
}

// Validate names every field out of bounds.
func (c *Recover) Validate() error {
	var v validation
	if c.Floor > MaxFloor {
		v.addf("floor", "must be at most %d", uint64(MaxFloor))
	}
	v.between("quarantine_ms", int64(c.Quarantine), 0, int64(MaxTTL))
	return v.err()
}

func (c *Recover) encode(e *encoder) {
	e.Uint(c.Floor)
	e.Millis(c.Quarantine)
}

func (c *Recover) decode(d *decoder) {
	c.Floor = d.Uint()
	c.Quarantine = d.Millis()
}

func (c *Recover) apply(m *Machine) Result {
	m.cluster = "" // the next leader sets a new one
	m.revision = max(m.revision+RecoverJump, min(c.Floor, MaxFloor))
	m.history.Reset(m.revision)
	// A running quarantine is never shortened.
	m.quarantine = Quarantine{For: max(m.quarantine.For, c.Quarantine), From: m.now, Seq: m.quarantine.Seq + 1}
	if m.quarantine.For > 0 {
		m.applied.arm(quarantineTimer(m.quarantine))
	}
	for _, n := range m.nodes.Items() {
		m.nodes.Delete(n)
	}
	m.applied.Nodes = true
	return Result{Code: CodeOK}
}
