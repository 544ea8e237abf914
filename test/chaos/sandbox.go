package chaos

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// roleVariable tells a copy of the test binary what it is to do.
const roleVariable = "LOCKD_CHAOS_ROLE"

// The roles. The process that was started without one is the outermost: it makes
// the sandbox and waits for its end.
const (
	roleInside = "inside"
	roleClient = "client"
)

// workPrefix begins the name of a run's directory; the outermost process's id follows.
const workPrefix = "lockd-chaos-"

// enterSandbox runs this program again, with the same arguments, as the first
// process of namespaces of its own. When that process ends, the kernel ends every
// other one in there, and mounts and networks go with them.
func enterSandbox() (exitCode int, err error) {
	if err := sweep(); err != nil {
		return 0, err
	}
	dir := filepath.Join(os.TempDir(), workPrefix+strconv.Itoa(os.Getpid()))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), roleVariable+"="+roleInside, workVariable+"="+dir)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET,
		Pdeathsig:  syscall.SIGKILL,
	}
	// The death signal is the thread's that started the process: it must stay.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("%w: %w", errNoSandbox, err)
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// errNoSandbox says that the machine does not allow namespaces.
var errNoSandbox = errors.New("a sandbox cannot be made")

// workVariable names the run's directory to the process inside.
const workVariable = "LOCKD_CHAOS_DIR"

// furnish makes the mounts of the sandbox: nothing that is mounted in here is
// seen outside, and all of it is in memory.
func furnish(dir string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mounting /proc: %w", err)
	}
	for _, at := range []string{"/run", dir} {
		if err := unix.Mount("tmpfs", at, "tmpfs", 0, "mode=0700"); err != nil {
			return fmt.Errorf("mounting memory at %s: %w", at, err)
		}
	}
	return nil
}

// sweep takes away what an earlier run left whose processes were killed: its
// directory, its control groups, and a disk that was still frozen, without which
// its nodes cannot end.
func sweep() error {
	thawLeftovers()
	for _, pattern := range []string{
		filepath.Join(os.TempDir(), workPrefix+"*"),
		filepath.Join(cgroupRoot, "*", workPrefix+"*"),
	} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}
		for _, path := range found {
			owner, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(path), workPrefix))
			if err == nil && errors.Is(syscall.Kill(owner, 0), syscall.ESRCH) {
				_ = os.Remove(path) // a control group; a directory must be empty
				if strings.HasPrefix(path, os.TempDir()) {
					_ = os.RemoveAll(path)
				}
			}
		}
	}
	return nil
}

// thawLeftovers thaws the disks of nodes that outlived their run: one that waits
// for a frozen disk cannot be killed. Its own view of the mounts leads there.
func thawLeftovers() {
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range lines {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		for _, arg := range strings.Split(string(raw), "\x00") {
			owner, _, _ := strings.Cut(strings.TrimPrefix(arg, filepath.Join(os.TempDir(), workPrefix)), "/")
			pid, err := strconv.Atoi(owner)
			if err == nil && strings.HasPrefix(arg, os.TempDir()) && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
				_ = thaw(filepath.Join(filepath.Dir(path), "root", arg))
			}
		}
	}
}
