// Package exhaustive walks through everything that can happen to the real machine
// and the real deadlines in a small scope, and looks at every state.
package exhaustive
