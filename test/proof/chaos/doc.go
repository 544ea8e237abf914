// Package chaos runs real lockd processes, each in its own network namespace and on its own disk. Several client
// processes use them while faults happen. The histories of the clients are checked against the guarantees of lockd.
//
// A run follows a schedule: bouts of faults with quiet time between them. The schedule is generated from a seed,
// saved as JSON, and can be played again from that file. Each fault must have had an effect, and there must have been
// enough load. Otherwise the run is invalid and does not pass.
//
// Everything runs in namespaces of processes, mounts and networks that end with the test process, even if it is
// killed, so that nothing remains. It needs root. What the machine does not support is reported as skipped.
//
// Without flags it plays the default dose. Longer runs, from the root of the module:
//
//	go test ./test/proof/chaos -count=1 -v -timeout 0 -args -duration 1h -seed 7 -nodes 5
//	go test ./test/proof/chaos -count=1 -v -timeout 0 -args -kind power -times 200
//	go test ./test/proof/chaos -count=1 -v -timeout 0 -args -keep DIR
//	go test ./test/proof/chaos -count=1 -v -timeout 0 -args -schedule DIR/schedule-1.json
//
// It calls ip and tc (iproute2), nft (nftables), strace, mkfs.ext4 (e2fsprogs), mount and unshare (util-linux).
//
// Limits: a power failure loses what was not synced to the filesystem, but not what a drive loses by itself. Only the
// monotonic clock can differ between nodes, so other tests cover jumps of the wall clock.
package chaos
