package cluster

import (
	"fmt"
	"regexp"

	"github.com/lockd/lockd/internal/fsm"
)

// NameRule says in words what a node's name is made of.
const NameRule = "1 to 64 of A-Z a-z 0-9 . _ -, and begin with a letter or a digit"

var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// ValidName reports whether a new node may have the name. Only the doors ask:
// a node that has its name already, and an entry that is logged, keep it.
func ValidName(s string) bool { return validName.MatchString(s) }

// checkNewcomer refuses a name with which nobody is a member yet.
func checkNewcomer(node fsm.Node) error {
	if ValidName(node.Name) {
		return nil
	}
	return fsm.Invalid{{Field: "name", Reason: "must be " + NameRule}}
}

// hostName returns the name of a node that was given none.
func hostName(ask func() (string, error)) (string, error) {
	host, err := ask()
	switch {
	case err != nil:
		return "", fmt.Errorf("this host's name cannot be read, so give the node a name with --node-id: %w", err)
	case !ValidName(host):
		return "", fmt.Errorf("this host's name %q is no name for a node, which must be %s: give one with --node-id", host, NameRule)
	}
	return host, nil
}
