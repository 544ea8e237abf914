// Package kube031 tests lockd with client-go 0.31, which sends JSON to the Kubernetes API and whose informers list before
// they watch.
package kube031
