package fsm

// A Command is a request of a client or a decision of a leader. The file of a command has
// all of it: its limits, its encoding, its traits and its effect.
type Command interface {
	// Validate returns an Invalid that names every field out of bounds, or nil.
	Validate() error

	// Traits returns what the leader and the nodes need to know to handle the command.
	Traits() Traits

	kind() kind
	encode(*encoder)
	decode(*decoder)
	apply(*Machine) Result
}

// kind is a command's number in the log.
type kind uint8

// commands returns an empty command of each kind. The index is the kind. Add at the end,
// never reorder.
var commands = [...]func() Command{
	1:  func() Command { return new(Acquire) },
	2:  func() Command { return new(Renew) },
	3:  func() Command { return new(RenewSession) },
	4:  func() Command { return new(Release) },
	5:  func() Command { return new(ReleaseSession) },
	6:  func() Command { return new(Transfer) },
	7:  func() Command { return new(Break) },
	8:  func() Command { return new(CancelAcquire) },
	9:  func() Command { return new(EndWait) },
	10: func() Command { return new(Expire) },
	11: func() Command { return new(SetNode) },
	12: func() Command { return new(RemoveNode) },
	13: func() Command { return new(InitCluster) },
	14: func() Command { return new(Recover) },
	15: func() Command { return new(StepDown) },
	16: func() Command { return new(AcquireAll) },
	17: func() Command { return new(Stamp) },
	18: func() Command { return new(ChangeAccess) },
	19: func() Command { return new(ChangeObject) },
}

// newCommand returns an empty command of a kind, or nil if the kind is unknown.
func newCommand(k kind) Command {
	if k == 0 || int(k) >= len(commands) {
		return nil
	}
	return commands[k]()
}
