// Package agent runs an election for a local service, and serves the leader over HTTP.
//
// The campaign acquires the lease and renews it while the service is healthy. The observer asks a
// quorum for the holder. Both results expire: at the local deadline of the lease, and at the end of
// the response's validity. Each HTTP response is computed from what is valid at the time of the
// request, so an agent that is partitioned or was stopped reports no leader.
package agent
