// Package compose runs the compose file of this repository on a container engine and stops its nodes one by one. Its
// tests have a build tag because they need Docker. `make compose` runs them, and starts an engine if there is none.
package compose
