// Package agent leads an election for a service beside it, and tells over HTTP who
// leads.
//
// The campaign acquires the lease and renews it while the service is well. The
// observer asks a quorum who holds it. What either of them knows has an end: the
// local deadline of the lease, and that of the answer. Each HTTP answer is made at
// the moment of the request from what is still known then, so that an agent that
// is cut off, or was stopped, names nobody any more.
package agent
