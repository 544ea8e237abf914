// Package api serves lockd's HTTP API. It converts a request into an fsm.Command or an fsm.Query, passes it to the node
// through an interface that it declares itself, and converts the reply into the answer that openapi.yaml describes. A
// handler is a function of a call, which is the request, its caller and its answer. The packages below it know no call.
//
// Invariants:
//   - A 2xx answer to acquire, renew and check means that the caller holds the lease.
//   - Every error reports whether anything may have been applied (definitive). It reports that the caller's hold is lost
//     only if that is certain.
//   - No read and no log line shows a session.
//   - All input is bounded before it is parsed, and parsed strictly: unknown or invalid input is refused, and changes
//     nothing.
package api
