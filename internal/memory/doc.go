// Package memory adapts the Go runtime of a node, and the default size of its state, to the memory of the machine or
// container.
package memory
