package fsm

// InitCluster sets the ID of a new cluster. It is the first command of its log.
type InitCluster struct{ ClusterID string }

func (*InitCluster) kind() kind { return 13 }

// Traits implements Command.
func (*InitCluster) Traits() Traits {
	return Traits{Lane: LaneDefault, Weight: 1, Idempotent: true, Internal: true}
}

// Validate names every field out of bounds.
func (c *InitCluster) Validate() error {
	var v validation
	v.text("cluster_id", c.ClusterID, MaxNodeBytes)
	return v.err()
}

func (c *InitCluster) encode(e *encoder) { e.String(c.ClusterID) }

func (c *InitCluster) decode(d *decoder) { c.ClusterID = d.String(MaxNodeBytes) }

func (c *InitCluster) apply(m *Machine) Result {
	if m.cluster == "" {
		m.cluster = c.ClusterID
		m.revision++
		m.sealSessions()
	}
	return Result{Code: CodeOK}
}
