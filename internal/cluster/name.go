package cluster

import "github.com/lockd/lockd/internal/fsm"

// checkNewcomer refuses a name with which nobody is a member yet.
func checkNewcomer(node fsm.Node) error {
	if fsm.ValidNodeName(node.Name) {
		return nil
	}
	return fsm.Invalid{{Field: "name", Reason: "must be " + fsm.NodeNameRule}}
}
