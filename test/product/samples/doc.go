// Package samples runs the clients' samples against three real nodes, as a reader
// would, and does to them what they are there for: it makes two of them want the same
// lease, kills the one that leads and the node that does, and stops a holder for
// longer than its lease lasts.
//
//	go test ./test/product/samples -count=1 -v -args -databases
//	make samples
package samples
