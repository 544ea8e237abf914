// Package leases shows leases and their events as text: the tables of the command line, a sentence for each event, and a
// sentence for each refusal of an acquire.
package leases
