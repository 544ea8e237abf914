// Package pki makes and loads the certificates of a cluster. A node proves with one that it
// belongs to the cluster, and a client that it is a principal. Two authorities sign them, so
// that the key that signs clients cannot make nodes.
package pki
