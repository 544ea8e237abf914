// Package readme holds tests that keep the documents true: they run what the
// README shows against the real binary and compare what it prints, and they
// hold its tables against the program. CONTRIBUTING.md says how to mark what is
// to be run.
package readme
