//go:build race

package bubble

// raceDetector says that everything takes many times as long.
const raceDetector = true
