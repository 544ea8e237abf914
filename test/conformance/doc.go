// Package conformance holds the clients to the rules of clients/README.md: the
// scenarios of clients/conformance, for each language a program that does what it is
// told (a testee), a real cluster of three nodes, and a way to each node for each
// client that can be silenced or cut.
//
//	go test ./test/conformance -count=1 -v -args -clients go,python
//	go test ./test/conformance -count=1 -v -parallel 20 -run BlackHole -args -trials 20
package conformance
