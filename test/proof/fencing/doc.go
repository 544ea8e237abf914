// Package fencing shows why fencing tokens are needed. Processes that hold a lease add elements to a set that they
// read and write as a whole. They are stopped during an update for longer than the TTL. A store that rejects lower
// tokens loses no acknowledged element. A store that ignores tokens does.
package fencing
