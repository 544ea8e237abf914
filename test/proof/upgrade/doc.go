// Package upgrade tests upgrades of lockd: every later version opens the data directories of released versions, and a
// cluster serves while its nodes have two versions.
package upgrade
