package fsm

// Stamp moves the cluster's clock to the stamp of its entry, as every entry does,
// and changes nothing else. On a cluster where nothing is written the clock would
// stand still in the log, and a node that is started again would know nothing of
// the time that passed before.
type Stamp struct{}

func (*Stamp) kind() kind { return 17 }

// Traits implements Command.
func (*Stamp) Traits() Traits {
	return Traits{Lane: LaneDefault, Weight: 1, Idempotent: true, Internal: true}
}

// Validate accepts it: leaders make these.
func (c *Stamp) Validate() error { return nil }

func (c *Stamp) encode(*encoder) {}

func (c *Stamp) decode(*decoder) {}

func (c *Stamp) apply(*Machine) Result { return Result{Code: CodeOK} }
