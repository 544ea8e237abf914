package fsm

// A Node is a member's record in the machine, so that every node knows where
// the others are after addresses changed.
type Node struct {
	ID      string // Raft's server ID: the name and an incarnation
	Name    string
	Peer    string // advertised address for nodes
	HTTP    string // advertised address for clients
	Version uint64 // the newest entry version that it reads

	// MaxState is how many bytes of state it can hold; 0 if it does not say.
	MaxState uint64
}

// SetNode writes a member's record: each node keeps its own right.
type SetNode struct{ Node Node }

func (*SetNode) kind() kind { return 11 }

// Traits implements Command.
func (*SetNode) Traits() Traits {
	return Traits{Lane: LaneDefault, Weight: 1, Idempotent: true, Internal: true}
}

// Validate names every field out of bounds.
func (c *SetNode) Validate() error {
	var v validation
	v.text("id", c.Node.ID, MaxNodeBytes*2)
	v.text("name", c.Node.Name, MaxNodeBytes)
	v.text("peer", c.Node.Peer, MaxAddressBytes)
	v.text("http", c.Node.HTTP, MaxAddressBytes)
	if c.Node.MaxState != 0 {
		v.between("max_state_bytes", int64(min(c.Node.MaxState, MaxSafeInteger+1)), MinStateBytes, MaxSafeInteger)
	}
	return v.err()
}

func (c *SetNode) encode(e *encoder) { e.node(c.Node) }

func (c *SetNode) decode(d *decoder) { c.Node = d.node() }

func (c *SetNode) apply(m *Machine) Result {
	old, known := m.nodes.Get(c.Node)
	if known && old == c.Node {
		return Result{Code: CodeOK}
	}
	if !known && m.nodes.Len() >= MaxNodes {
		return Result{Code: CodeTooManyLeases}
	}
	m.nodes.Set(c.Node)
	m.agreeOnBudget()
	if old.MaxState = c.Node.MaxState; old != c.Node { // else only the budget changed, which is no change of a lease
		m.revision++
	}
	m.applied.Nodes = true
	return Result{Code: CodeOK}
}

// RemoveNode forgets a member.
type RemoveNode struct{ ID string }

func (*RemoveNode) kind() kind { return 12 }

// Traits implements Command.
func (*RemoveNode) Traits() Traits {
	return Traits{Lane: LaneDefault, Weight: 1, Idempotent: true, Internal: true}
}

// Validate names every field out of bounds.
func (c *RemoveNode) Validate() error {
	var v validation
	v.text("id", c.ID, MaxNodeBytes*2)
	return v.err()
}

func (c *RemoveNode) encode(e *encoder) { e.string(c.ID) }

func (c *RemoveNode) decode(d *decoder) { c.ID = d.string(MaxNodeBytes * 2) }

func (c *RemoveNode) apply(m *Machine) Result {
	if _, known := m.nodes.Delete(Node{ID: c.ID}); known {
		m.agreeOnBudget()
		m.revision++
		m.applied.Nodes = true
	}
	return Result{Code: CodeOK}
}

// NodeNameRule says in words what a new node's name is made of.
const NodeNameRule = "1 to 64 of A-Z a-z 0-9 . _ -, and begin with a letter or a digit"

// ValidNodeName reports whether a new node may have the name. Only the doors ask:
// a node that has its name already, and an entry that is logged, keep it.
func ValidNodeName(s string) bool {
	ok := len(s) > 0 && len(s) <= MaxNodeBytes && isAlphanumeric(s[0])
	for i := 0; ok && i < len(s); i++ {
		ok = isAlphanumeric(s[i]) || s[i] == '.' || s[i] == '_' || s[i] == '-'
	}
	return ok
}
