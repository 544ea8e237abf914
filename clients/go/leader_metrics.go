package lockd

// LeaderMetrics receives what client-go counts in the metrics leader_election_master_status and
// leader_election_slowpath_total, by the name of the lease. The methods of client-go's
// leaderelection.LeaderMetric are the same. They must not block.
type LeaderMetrics interface {
	// On is called when Elect begins to lead.
	On(name string)
	// Off is called when Elect starts, and when it leads no more.
	Off(name string)
	// SlowpathExercised is called when a renewal of a kept lease has failed, at every address and
	// after RetryFor, and is repeated.
	SlowpathExercised(name string)
}

// noLeaderMetrics is used if Config.LeaderMetrics is nil.
type noLeaderMetrics struct{}

func (noLeaderMetrics) On(string)                {}
func (noLeaderMetrics) Off(string)               {}
func (noLeaderMetrics) SlowpathExercised(string) {}
