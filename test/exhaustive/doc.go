// Package exhaustive walks through everything that can happen to the real machine
// and the real book of deadlines in a small scope, and looks at every state.
package exhaustive
