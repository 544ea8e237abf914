package samples

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// A language returns the command line of a sample.
type language func(sample string) []string

// classes are the class names of the Java samples.
var classes = map[string]string{"mutex": "Mutex", "election": "Election", "fencing": "Fencing"}

func languages(t *testing.T) map[string]language {
	t.Helper()
	return map[string]language{
		"go": func(sample string) []string { return []string{built(t, sample)} },
		"python": func(sample string) []string {
			return []string{*python, path(t, "clients/python/samples", sample+".py")}
		},
		"node": func(sample string) []string { return []string{"node", filepath.Join(*node, sample+".mjs")} },
		"java": func(sample string) []string {
			target := path(t, "clients/java/samples/target")
			return []string{"java", "-cp", target + "/classes:" + target + "/lib/*", "io.lockd.samples." + classes[sample]}
		},
	}
}

func path(t *testing.T, elements ...string) string {
	t.Helper()
	p, err := filepath.Abs(filepath.Join(append([]string{root}, elements...)...))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// built builds a Go sample and returns its path.
func built(t *testing.T, sample string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), sample)
	build := exec.Command("go", "build", "-o", program, "./"+sample)
	build.Dir = path(t, "clients/go/samples")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the sample: %v\n%s", err, out)
	}
	return program
}
