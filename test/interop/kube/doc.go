// Package kube compares the packages below internal/kube with the Kubernetes modules: each test gives both the same
// random input. Run it with `go test ./...` in this directory.
package kube
