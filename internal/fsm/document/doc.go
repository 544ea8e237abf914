// Package document stores the objects of the Kubernetes API that the machine has: Leases, the candidates for them, and
// events. A Lease is a document in addition to a lease of the machine, whose hold is that of the document's holder. What the
// machine does not interpret is one string, which only package kube reads.
package document
