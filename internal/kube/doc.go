// Package kube serves a part of the Kubernetes API, so that unmodified clients of Kubernetes elect leaders through lockd:
// Leases, LeaseCandidates and Events. A Lease is a document in addition to a lease of the machine: see package fsm/document. The
// packages below it have what needs no server: the kinds, their checks, patches, selectors and forms.
package kube
