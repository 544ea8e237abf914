package app

const (
	// A share of the file descriptors is reserved for Raft's log, for snapshots, and for the connections between nodes.
	reservedShare = 4 // one in reservedShare
	leastReserved = 48
	mostReserved  = 1_024
	// leastConns is the minimum number of client connections.
	leastConns = 8
)

// connLimits returns the bounds of client connections, in total and for one address. They are as configured, or lower
// if the limit of open files is too low. The ratio of the bounds is kept.
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

// fitDescriptors lowers the bounds of client connections if the limit of open files is too low, and logs a warning.
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
