//go:build !race

package chaos

// underRace says that this is built with the race detector; lockd then is, too.
const underRace = false
