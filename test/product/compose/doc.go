// Package compose runs the compose file of this repository on a real engine, and
// takes its nodes away one by one. Its tests have a build tag, since they need
// Docker: `make compose` runs them, and brings an engine where there is none.
package compose
