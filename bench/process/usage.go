package process

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Usage is the resource usage of one or more servers, from their start up to a moment.
type Usage struct {
	CPU       time.Duration
	Written   int64 // bytes written to disk
	Anonymous int64 // resident bytes of anonymous memory
}

// Sub returns the difference from an earlier usage.
func (u Usage) Sub(before Usage) Usage {
	return Usage{u.CPU - before.CPU, u.Written - before.Written, u.Anonymous - before.Anonymous}
}

// Add returns the sum of two usages.
func (u Usage) Add(o Usage) Usage {
	return Usage{u.CPU + o.CPU, u.Written + o.Written, u.Anonymous + o.Anonymous}
}

// Used reads the server's usage since its start. It fails if the server does not run.
func (p *Process) Used() (Usage, error) {
	if !p.Running() {
		return Usage{}, errors.New(p.Name + " does not run")
	}
	var u Usage
	var err error
	if u.CPU, err = CPU(p.file("stat")); err != nil {
		return u, err
	}
	if u.Written, err = field(p.file("io"), "write_bytes:"); err != nil {
		return u, err
	}
	kilobytes, err := field(p.file("status"), "RssAnon:")
	u.Anonymous = kilobytes << 10
	return u, err
}

// Spent returns the CPU of all runs of the server. It is for one goroutine, which also starts the server.
func (p *Process) Spent() (time.Duration, error) {
	if p.Running() {
		now, err := CPU(p.file("stat"))
		if err == nil || p.Running() {
			return p.spent + now, err
		}
	}
	return p.spent + p.spentByLast(), nil
}

// spentByLast returns the CPU of the last run, if it has ended.
func (p *Process) spentByLast() time.Duration {
	if p.cmd == nil || p.cmd.ProcessState == nil {
		return 0
	}
	return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
}

func (p *Process) file(name string) string {
	return fmt.Sprintf("/proc/%d/%s", p.cmd.Process.Pid, name)
}

// Tick is the unit of time in /proc. It is fixed on Linux.
const Tick = 10 * time.Millisecond

// CPU returns the time in user mode and in kernel mode of the process with a stat file.
func CPU(path string) (time.Duration, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	// The process name is in parentheses and may contain spaces and parentheses.
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
	return time.Duration(sum) * Tick, nil
}

// field returns the number after a label in a file of lines.
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
