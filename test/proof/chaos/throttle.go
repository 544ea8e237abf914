package chaos

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

const cgroupRoot = "/sys/fs/cgroup"

// cpuPeriod is the period of a CPU quota, in microseconds.
const cpuPeriod = 100_000

// A throttle is a control group that limits the CPU of its processes.
type throttle struct{ dir string }

// newThrottle creates a control group for a node. The groups of a run have one parent with the name of the run, so
// that a later run can remove it.
func newThrottle(name string) (*throttle, error) {
	parent := filepath.Join(cgroupRoot, "cpu", filepath.Base(os.Getenv(workVariable)))
	t := &throttle{dir: filepath.Join(parent, name)}
	if _, err := os.Stat(filepath.Join(cgroupRoot, "cpu", "cpu.cfs_quota_us")); err != nil {
		return nil, err
	}
	return t, os.MkdirAll(t.dir, 0o755)
}

func (t *throttle) set(file, value string) error {
	return os.WriteFile(filepath.Join(t.dir, file), []byte(value), 0o600)
}

// squeeze limits a process to a percentage of one CPU.
func (t *throttle) squeeze(pid, percent int) error {
	return firstError(
		t.set("cpu.cfs_period_us", strconv.Itoa(cpuPeriod)),
		t.set("cpu.cfs_quota_us", strconv.Itoa(percent*cpuPeriod/100)),
		t.set("cgroup.procs", strconv.Itoa(pid)),
	)
}

var throttled = regexp.MustCompile(`nr_throttled (\d+)`)

// periods returns in how many periods the quota was used up.
func (t *throttle) periods() (int, error) {
	raw, err := os.ReadFile(filepath.Join(t.dir, "cpu.stat"))
	if err != nil {
		return 0, err
	}
	m := throttled.FindSubmatch(raw)
	if m == nil {
		return 0, fmt.Errorf("cpu.stat has no nr_throttled: %s", raw)
	}
	return strconv.Atoi(string(m[1]))
}

// removeGroups removes the control group of a run and its children.
func removeGroups(parent string) error {
	inside, err := filepath.Glob(filepath.Join(parent, "*", "cgroup.procs"))
	for _, file := range inside {
		err = errors.Join(err, os.Remove(filepath.Dir(file)))
	}
	return errors.Join(err, os.Remove(parent))
}

// remove moves all processes out and removes the group and, after the last one, its parent.
func (t *throttle) remove() error {
	raw, err := os.ReadFile(filepath.Join(t.dir, "cgroup.procs"))
	if err != nil {
		return err
	}
	for _, pid := range strings.Fields(string(raw)) {
		_ = os.WriteFile(filepath.Join(cgroupRoot, "cpu", "cgroup.procs"), []byte(pid), 0o600)
	}
	err = os.Remove(t.dir)
	_ = os.Remove(filepath.Dir(t.dir))
	return err
}
