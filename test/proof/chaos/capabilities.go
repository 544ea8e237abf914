package chaos

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
)

// A capability is a feature of the machine that a fault needs.
type capability string

// The capabilities.
const (
	hasNetns     capability = "network namespaces"
	hasFilter    capability = "nft packet filter"
	hasLoss      capability = "nft random loss"
	hasTBF       capability = "tbf bandwidth"
	hasDelay     capability = "raw sockets on a cable"
	hasDisks     capability = "loop-mounted ext4"
	hasPowerCut  capability = "ext4 shutdown"
	hasFreeze    capability = "filesystem freeze"
	hasInjection capability = "strace injection"
	hasCPU       capability = "cpu control group"
	hasUptimes   capability = "time namespaces"
	hasLimits    capability = "limits of another process"
	hasWallClock capability = "wall clock per process"
	hasClockRate capability = "clock rate per process"
)

// capabilities maps each capability to why it is missing; an empty string means that it exists.
type capabilities map[capability]string

func (c capabilities) has(one capability) bool { return c[one] == "" }

// missing returns the missing capabilities, sorted.
func (c capabilities) missing() []string {
	var names []string
	for name, why := range c {
		if why != "" {
			names = append(names, string(name))
		}
	}
	sort.Strings(names)
	return names
}

func (c capabilities) String() string {
	var lines []string
	for name, why := range c {
		if why == "" {
			why = "yes"
		} else {
			why = "SKIPPED: " + why
		}
		lines = append(lines, fmt.Sprintf("  %-28s %s", name, why))
	}
	sort.Strings(lines)
	return "capabilities of this machine\n" + strings.Join(lines, "\n")
}

// probe tries each capability once, inside the sandbox.
func probe(dir string) capabilities {
	c := make(capabilities)
	for name, try := range map[capability]func() error{
		hasNetns: func() error { return run("", "ip", "netns", "add", "probe") },
		hasFilter: func() error {
			return run("table inet probe { chain c { ip saddr 10.0.0.1 counter drop; }; }", "nft", "-c", "-f", "-")
		},
		hasLoss: func() error {
			return run("table inet probe { chain c { numgen random mod 100 < 5 drop; }; }", "nft", "-c", "-f", "-")
		},
		hasTBF:       probeTBF,
		hasDelay:     probeRawSocket,
		hasDisks:     func() error { return probeDisk(dir, func(*disk) error { return nil }) },
		hasPowerCut:  func() error { return probeDisk(dir, (*disk).cutPower) },
		hasFreeze:    func() error { return probeDisk(dir, func(d *disk) error { return firstError(d.freeze(), d.thaw()) }) },
		hasInjection: probeInjection,
		hasCPU:       probeCPU,
		hasUptimes:   func() error { return run("", "unshare", "-T", "--monotonic", "1000", "true") },
		hasLimits:    probeLimits,
		hasWallClock: func() error {
			return fmt.Errorf("the kernel has no namespace for the wall clock, and the test does not change the clock of the machine")
		},
		hasClockRate: func() error { return fmt.Errorf("the kernel has no namespace for a clock's rate") },
	} {
		if err := try(); err != nil {
			c[name] = err.Error()
		} else {
			c[name] = ""
		}
	}
	_ = run("", "ip", "netns", "del", "probe")
	return c
}

func probeTBF() error {
	if err := run("", "ip", "link", "add", "probe0", "type", "veth", "peer", "name", "probe1"); err != nil {
		return err
	}
	defer func() { _ = run("", "ip", "link", "del", "probe0") }()
	return run("", "tc", "qdisc", "add", "dev", "probe0", "root", "tbf", "rate", "1mbit", "burst", "32kbit", "latency", "400ms")
}

func probeDisk(dir string, use func(*disk) error) error {
	d := newDisk(filepath.Join(dir, "probe"), false)
	if err := d.format(); err != nil {
		return err
	}
	defer os.Remove(d.image)
	if err := d.mount(); err != nil {
		return err
	}
	return firstError(use(d), d.unmount())
}

func probeInjection() error {
	return run("", "strace", "-f", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO", "true")
}

func probeCPU() error {
	g, err := newThrottle("probe")
	if err != nil {
		return err
	}
	return g.remove()
}

// run runs a program and waits for it. Its output is part of the error.
func run(input, name string, args ...string) error {
	_, err := output(input, name, args...)
	return err
}

func output(input, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
