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
//
// Without flags it plays the default dose. Longer ones, from the module's root:
//
//	go test ./test/proof/chaos -count=1 -v -timeout 0 -args -duration 1h -seed 7 -nodes 5
//	go test ./test/proof/chaos -count=1 -v -timeout 0 -args -kind power -times 200
//	go test ./test/proof/chaos -count=1 -v -timeout 0 -args -keep DIR
//	go test ./test/proof/chaos -count=1 -v -timeout 0 -args -schedule DIR/schedule-1.json
//
// It calls ip and tc (iproute2), nft (nftables), strace, mkfs.ext4 (e2fsprogs),
// mount and unshare (util-linux).
//
// What it does not show: a power cut takes what was not synced to the filesystem,
// and not what a drive itself forgets; and no clock but the monotonic one can be
// another's, so a jump of the wall clock is left to other tests.
package chaos
