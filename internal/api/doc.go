// Package api is lockd's HTTP face, and the one package that knows HTTP and
// JSON. It turns a request into an fsm.Command or an fsm.Query, passes it to the
// node through a small interface of its own, and turns what comes back into the
// answer that openapi.yaml describes.
//
// What must stay true:
//   - 2xx to acquire, renew and check means that the caller holds the lease.
//   - Every error says whether anything may have been applied (definitive), and
//     that the caller's hold is lost only where that is certain.
//   - No read shows a session, and no log line does.
//   - Everything from outside is bounded before it is parsed, and parsed
//     strictly: what is not understood is refused, and changes nothing.
package api
