package report

import (
	"os"
	"runtime"
	"strings"
)

// A Machine is where the figures are from.
type Machine struct {
	Date   string `json:"date"`
	Cores  int    `json:"cores"`
	CPU    string `json:"cpu"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
}

// ThisMachine describes where this program runs.
func ThisMachine(date string) Machine {
	return Machine{
		Date: date, Cores: runtime.NumCPU(), CPU: model(), Go: runtime.Version(),
		Kernel: line("/proc/sys/kernel/osrelease"),
	}
}

// line is a file of one line; empty where there is none.
func line(path string) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(raw))
}

func model() string {
	for l := range strings.Lines(line("/proc/cpuinfo")) {
		if name, value, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
