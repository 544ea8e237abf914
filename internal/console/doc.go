// Package console writes the text of lockd that people read: tables and JSON, a log through a queue that never blocks its
// writer, the warnings of the client, and durations. Text that others chose is escaped, so that it does not control the terminal.
package console
