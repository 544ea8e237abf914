// Package wire is the binary form below that of package fsm: numbers, strings and lists, and a file of sections with a
// checksum. It knows no command and no lease. Like package fsm, it is pure.
package wire
