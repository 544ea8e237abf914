package app

const (
	// Of the files that the process may have open, a share is kept from clients: for Raft's log, snapshots, and the
	// connections between nodes.
	reservedShare = 4 // one in so many
	leastReserved = 48
	mostReserved  = 1_024
	// leastConns are served in any case.
	leastConns = 8
)

// connLimits returns how many client connections are served, in all and for one address: as configured, or fewer if
// the process may not have as many files open. One address keeps its share of them.
func connLimits(maxConns, maxPerIP int, openFiles uint64) (conns, perIP int) {
	reserved := min(max(openFiles/reservedShare, leastReserved), mostReserved)
	most := uint64(leastConns)
	if openFiles > reserved+leastConns {
		most = openFiles - reserved
	}
	if uint64(maxConns) <= most {
		return maxConns, maxPerIP
	}
	conns = int(most)
	return conns, max(1, int(float64(conns)*min(1, float64(maxPerIP)/float64(maxConns))))
}

// fitDescriptors lowers the bounds of client connections to what the limit of open files allows, and logs it.
func (c *Config) fitDescriptors() {
	limit, known := openFilesLimit()
	if !known {
		return
	}
	conns, perIP := connLimits(c.MaxConns, c.MaxConnsPerIP, limit)
	if conns < c.MaxConns {
		c.Log.Warn("the limit of open files allows fewer client connections than configured: raise it (LimitNOFILE, ulimit -n) or lower --max-conns",
			"open_files", limit, "configured", c.MaxConns, "max_conns", conns, "max_conns_per_ip", perIP)
	}
	c.MaxConns, c.MaxConnsPerIP = conns, perIP
}
