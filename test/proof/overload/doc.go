// Package overload floods a cluster with far more acquires than it can handle. It checks that holders lose no lease,
// that refusals are early and definite, and that latency returns to normal after the flood. The flood is a process
// with a lower priority than the nodes, because clients usually run on other machines and this one has few
// processors.
package overload
