// Package listener admits the connections of clients. It bounds their number and their kernel buffers, and rejects the
// others with an answer.
package listener
