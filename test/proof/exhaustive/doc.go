// Package exhaustive visits every state that the real state machine and the real deadlines can reach in a small
// scope, and checks each of them.
package exhaustive
