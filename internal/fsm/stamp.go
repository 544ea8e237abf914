package fsm

// Stamp sets the cluster's clock to the stamp of its entry, as every entry does, and changes
// nothing else. Without it an idle cluster writes no stamps, and a restarted node does not
// know how much time has passed since the last one.
type Stamp struct{}

func (*Stamp) kind() kind { return 17 }

// Traits implements Command.
func (*Stamp) Traits() Traits {
	return Traits{Lane: LaneDefault, Weight: 1, Idempotent: true, Internal: true}
}

// Validate returns nil: leaders make these.
func (c *Stamp) Validate() error { return nil }

func (c *Stamp) encode(*encoder) {}

func (c *Stamp) decode(*decoder) {}

func (c *Stamp) apply(*Machine) Result { return Result{Code: CodeOK} }
