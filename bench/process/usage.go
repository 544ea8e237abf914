package process

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Usage is what a server, or several, had used up to a moment.
type Usage struct {
	CPU       time.Duration
	Written   int64 // bytes that went to a disk
	Anonymous int64 // resident bytes that are of no file
}

// Sub returns what was used between two moments; memory is the difference.
func (u Usage) Sub(before Usage) Usage {
	return Usage{u.CPU - before.CPU, u.Written - before.Written, u.Anonymous - before.Anonymous}
}

// Add returns what both have used.
func (u Usage) Add(o Usage) Usage {
	return Usage{u.CPU + o.CPU, u.Written + o.Written, u.Anonymous + o.Anonymous}
}

// Used reads what the server has used since it was started.
func (p *Process) Used() (Usage, error) {
	if !p.Running() {
		return Usage{}, errors.New(p.Name + " does not run")
	}
	var u Usage
	var err error
	if u.CPU, err = cpu(p.file("stat")); err != nil {
		return u, err
	}
	if u.Written, err = field(p.file("io"), "write_bytes:"); err != nil {
		return u, err
	}
	kilobytes, err := field(p.file("status"), "RssAnon:")
	u.Anonymous = kilobytes << 10
	return u, err
}

func (p *Process) file(name string) string {
	return fmt.Sprintf("/proc/%d/%s", p.cmd.Process.Pid, name)
}

// tick is the unit of time in /proc, which Linux fixes for all programs.
const tick = 10 * time.Millisecond

// cpu reads the time in user and in kernel mode.
func cpu(path string) (time.Duration, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	// The name is in parentheses and may have anything in it.
	all := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
	const user, kernel = 11, 12
	if len(all) <= kernel {
		return 0, fmt.Errorf("%s: too short", path)
	}
	var sum int64
	for _, f := range []string{all[user], all[kernel]} {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return time.Duration(sum) * tick, nil
}

// field reads the number after a label.
func field(path, label string) (int64, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, label); ok {
			return strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
		}
	}
	return 0, fmt.Errorf("%s: no %s", path, label)
}
