// Package segments keeps Raft's log in files of zeros that are written once, from the
// beginning to the end. An append is one write and one sync of data: the file has its size
// and its blocks already, so that the sync needs no change of the file system's own data.
//
// A record is an entry, or a mark that some entries are no longer part of the log. Its
// header has a checksum, a number, and the number of the newest record that was on disk
// when it was written. With these, recovery distinguishes a write that was cut off from damage.
package segments
