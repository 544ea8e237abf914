//go:build !race

package chaos

// underRace reports whether the tests, and lockd, are built with the race detector.
const underRace = false
