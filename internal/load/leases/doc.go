// Package leases is a load on a lockd cluster: clients that acquire, renew or read leases. It releases all of its leases
// at the end. Package load, above this one, generates and measures the load.
package leases
