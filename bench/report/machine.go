package report

import (
	"os"
	"runtime"
	"strings"
)

// Machine describes the machine that was measured.
type Machine struct {
	Date   string `json:"date"`
	Cores  int    `json:"cores"`
	CPU    string `json:"cpu"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
}

// ThisMachine returns the machine on which this program runs.
func ThisMachine(date string) Machine {
	return Machine{
		Date: date, Cores: runtime.NumCPU(), CPU: model(), Go: runtime.Version(),
		Kernel: line("/proc/sys/kernel/osrelease"),
	}
}

// line returns a file's content without surrounding space, or "" if it cannot be read.
func line(path string) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(raw))
}

// model returns the CPU's model name, or the architecture if it is unknown.
func model() string {
	for l := range strings.Lines(line("/proc/cpuinfo")) {
		if name, value, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
