// Package conformance tests the clients against the rules of clients/README.md. It runs the
// scenarios of clients/conformance with a real cluster of three nodes. For each language a program,
// the driver, runs the commands of a scenario. Each client reaches each node through its own link,
// which can be silenced or cut.
//
//	go test ./test/product/conformance -count=1 -v -args -clients go,python
//	go test ./test/product/conformance -count=1 -v -parallel 20 -run Partitioned -args -trials 20
package conformance
