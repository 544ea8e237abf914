// Package chaos runs real lockd processes, each in a network namespace and on a
// disk of its own, lets clients in several processes use them, does to them what
// happens to machines, and holds what the clients saw against the promise.
//
// A run goes by a schedule: bouts of faults with quiet between them. It is
// generated from a seed, saved as JSON, and can be played again from that file.
// Each fault must be seen to have bitten, and the load must have been there: a
// run in which one of them is missing is invalid, and never passes.
//
// All of it happens inside namespaces of processes, mounts and networks that end
// with the test process, however that ends, so nothing is left behind. It needs
// root; what the machine cannot do is listed as skipped.
package chaos
