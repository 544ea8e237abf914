// Package samples runs the clients' samples against three nodes and tests what each one demonstrates: two processes
// compete for a lease, the leading worker and the leading node are killed, and a holder is stopped for longer than
// its TTL.
//
//	go test ./test/product/samples -count=1 -v -args -databases
//	make samples
package samples
