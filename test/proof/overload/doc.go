// Package overload floods a cluster with far more acquires than it can take, and
// sees that nobody who holds a lease loses it, that who is refused is told so
// early and for certain, and that all is as before once the flood is over.
//
// The flood comes from a process of its own that yields to the nodes: clients
// have machines of their own, and this one has few processors.
package overload
