// Package outcome has what commands and reads result in, and the form of these between nodes.
package outcome
