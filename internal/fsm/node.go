package fsm

// A Node is the record of a member. It gives every node the current addresses of the
// others.
type Node struct {
	ID      string // Raft's server ID: the name and an incarnation
	Name    string
	Peer    string // advertised address for nodes
	HTTP    string // advertised address for clients
	Version uint64 // the newest entry version that it can read

	// MaxState is how many bytes of state it can store; 0 if it does not state it.
	MaxState uint64
}

// SetNode stores the record of a member. Each node updates its own record.
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
	if old.MaxState = c.Node.MaxState; old != c.Node { // a change of only the budget is no revision
		m.revision++
	}
	m.applied.Nodes = true
	return Result{Code: CodeOK}
}

// RemoveNode deletes the record of a member.
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

func (c *RemoveNode) encode(e *encoder) { e.String(c.ID) }

func (c *RemoveNode) decode(d *decoder) { c.ID = d.String(MaxNodeBytes * 2) }

func (c *RemoveNode) apply(m *Machine) Result {
	if _, known := m.nodes.Delete(Node{ID: c.ID}); known {
		m.agreeOnBudget()
		m.revision++
		m.applied.Nodes = true
	}
	return Result{Code: CodeOK}
}

// NodeNameRule describes the name of a new node.
const NodeNameRule = "1 to 64 of A-Z a-z 0-9 . _ -, and begin with a letter or a digit"

// ValidNodeName reports whether a new node may have the name. It is checked when a node is
// configured or joins, but not for members and entries that exist already.
func ValidNodeName(s string) bool {
	ok := len(s) > 0 && len(s) <= MaxNodeBytes && isAlphanumeric(s[0])
	for i := 0; ok && i < len(s); i++ {
		ok = isAlphanumeric(s[i]) || s[i] == '.' || s[i] == '_' || s[i] == '-'
	}
	return ok
}
