// Package lease has the values that the state machine replicates: leases with their holds, cooldowns, queues and
// histories, the table that stores them, their sizes and their binary form. It decides nothing: the commands of
// package fsm do. Like package fsm, it is pure.
package lease
