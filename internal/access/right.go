package access

import "fmt"

// A Right is what a principal may do. The rights on leases form an order: each includes
// those below it. Admin and Metrics have no scope.
type Right uint8

// The rights.
const (
	None    Right = iota // a route that needs no credential
	Any                  // any valid credential
	Read                 // get, list, history, check, watch
	Acquire              // acquire, renew, release, transfer, sessions
	Operate              // break, step-down
	Admin                // cluster, principals, tokens, quotas, snapshots
	Metrics              // /metrics
)

var rightNames = map[Right]string{
	None: "none", Any: "any", Read: "read", Acquire: "acquire", Operate: "operate", Admin: "admin", Metrics: "metrics",
}

func (r Right) String() string { return rightNames[r] }

// scoped reports whether a rule with this right has a scope.
func (r Right) scoped() bool { return r == Read || r == Acquire || r == Operate }

// includes reports whether a rule with r allows what needs the other right.
func (r Right) includes(other Right) bool {
	switch {
	case other == None, other == Any, r == Admin:
		return true
	case r == Metrics || other == Metrics || other == Admin:
		return r == other
	}
	return r >= other
}

// ParseRight reads the name of a right that a rule may have.
func ParseRight(name string) (Right, error) {
	for _, r := range []Right{Read, Acquire, Operate, Admin, Metrics} {
		if r.String() == name {
			return r, nil
		}
	}
	return None, fmt.Errorf("right %q is unknown; use read, acquire, operate, admin or metrics", name)
}
