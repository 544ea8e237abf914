package fsm

// A Command is one wish of a client or one decision of a leader. Each kind
// stands in one place, with its bounds, its encoding and its effect.
type Command interface {
	// Validate returns an Invalid that names every field out of bounds, or nil.
	Validate() error

	kind() kind
	encode(*encoder)
	decode(*decoder)
	apply(*Machine) Result
}

// kind is a command's number in the log. Add at the end, never reorder.
type kind uint8

const (
	kindAcquire kind = iota + 1
	kindRenew
	kindRenewSession
	kindRelease
	kindReleaseSession
	kindTransfer
	kindBreak
	kindLeave
	kindPark
	kindExpire
	kindSetNode
	kindRemoveNode
	kindFound
	kindRecover
	kindStepDown
	kindAcquireAll
	kindStamp
	kindEnd
)

// blank returns an empty command of a kind, or nil where the kind is unknown.
func blank(k kind) Command {
	switch k {
	case kindAcquire:
		return &Acquire{}
	case kindRenew:
		return &Renew{}
	case kindRenewSession:
		return &RenewSession{}
	case kindRelease:
		return &Release{}
	case kindReleaseSession:
		return &ReleaseSession{}
	case kindTransfer:
		return &Transfer{}
	case kindBreak:
		return &Break{}
	case kindLeave:
		return &Leave{}
	case kindPark:
		return &Park{}
	case kindExpire:
		return &Expire{}
	case kindSetNode:
		return &SetNode{}
	case kindRemoveNode:
		return &RemoveNode{}
	case kindFound:
		return &Found{}
	case kindRecover:
		return &Recover{}
	case kindStepDown:
		return &StepDown{}
	case kindAcquireAll:
		return &AcquireAll{}
	case kindStamp:
		return &Stamp{}
	}
	return nil
}
