// Package upgrade tests what one version of lockd leaves to the next: data
// directories that every later one must open, and clusters whose nodes are of two
// versions while they serve.
package upgrade
