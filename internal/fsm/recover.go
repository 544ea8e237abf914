package fsm

// RecoverJump is how far a recovered cluster's revision moves, so that no token
// which the lost part of the cluster may have given is given again.
const RecoverJump = 1 << 32

// MaxFloor bounds where an operator's wall clock may move tokens, and leaves
// room below MaxSafeInteger for a million recoveries more.
const MaxFloor = 1 << 52

// Recover begins a cluster's second life after its quorum was lost or a backup
// was restored: tokens jump ahead, and nothing is granted for a while, since a
// holder of whom this state knows nothing may still be at work. What watchers saw
// of the first life may never have been: none of them can resume from it.
type Recover struct {
	Floor      uint64 // the least revision afterwards, from the operator's wall clock
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
	e.uint(c.Floor)
	e.millis(c.Quarantine)
}

func (c *Recover) decode(d *decoder) {
	c.Floor = d.uint()
	c.Quarantine = d.millis()
}

func (c *Recover) apply(m *Machine) Result {
	m.cluster = "" // the next leader gives it its new one
	m.revision = max(m.revision+RecoverJump, min(c.Floor, MaxFloor))
	m.history = history{most: m.history.most, dropped: m.revision}
	// A quarantine that runs already is never shortened.
	m.quarantine = Quarantine{For: max(m.quarantine.For, c.Quarantine), From: m.now, Seq: m.quarantine.Seq + 1}
	if m.quarantine.For > 0 {
		m.arm(quarantineTimer(m.quarantine))
	}
	for _, n := range m.nodes.Items() {
		m.nodes.Delete(n)
	}
	m.applied.Nodes = true
	return Result{Code: CodeOK}
}
