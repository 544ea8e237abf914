// Package readme checks the documents against the program. It runs the commands of the README with the real binary,
// compares the output, and checks the tables. CONTRIBUTING.md explains how to mark a block to be run.
package readme
