package storage

import (
	"fmt"

	"github.com/lockd/lockd/internal/fsm"
)

// hostName returns the name of a node that was given none.
func hostName(ask func() (string, error)) (string, error) {
	host, err := ask()
	switch {
	case err != nil:
		return "", fmt.Errorf("this host's name cannot be read, so give the node a name with --node-id: %w", err)
	case !fsm.ValidNodeName(host):
		return "", fmt.Errorf("this host's name %q is no name for a node, which must be %s: give one with --node-id", host, fsm.NodeNameRule)
	}
	return host, nil
}
