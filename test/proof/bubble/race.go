//go:build race

package bubble

// raceDetector reports that the tests run many times slower.
const raceDetector = true
