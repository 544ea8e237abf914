// Package clients tests lockd with the clients of Kubernetes, unmodified: client-go, controller-runtime, kubectl, and
// the clients of Python, Java and Node. The tests of programs that are not on the machine are skipped.
package clients
