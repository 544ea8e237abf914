// Package handshake performs the TLS handshakes of a listener. A stalled handshake holds up no other one, and their
// number is bounded and shared fairly among addresses.
package handshake
