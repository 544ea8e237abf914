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

// sweep takes away what an earlier run left whose outermost process was killed: its
// directory, its control groups, and a disk that was still frozen, without which
// its nodes cannot end.
func sweep() error {
	dirs, err := leftBehind(os.TempDir())
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		thawUnder(dir)
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	groups, err := leftBehind(filepath.Join(cgroupRoot, "cpu"))
	if err != nil {
		return err
	}
	for _, group := range groups {
		_ = removeGroups(group) // who is in it may still be about to end: the next run's business
	}
	return nil
}

// leftBehind returns what bears the name of a run that has ended.
func leftBehind(in string) (paths []string, err error) {
	found, err := filepath.Glob(filepath.Join(in, workPrefix+"*"))
	for _, path := range found {
		owner, wrong := strconv.Atoi(strings.TrimPrefix(filepath.Base(path), workPrefix))
		if wrong == nil && errors.Is(syscall.Kill(owner, 0), syscall.ESRCH) {
			paths = append(paths, path)
		}
	}
	return paths, err
}

// thawUnder thaws the disks below a directory of an ended run. Only the threads that
// wait for them, and cannot be killed, still see those mounts, and lead there.
func thawUnder(dir string) {
	tables, _ := filepath.Glob("/proc/[0-9]*/task/[0-9]*/mountinfo")
	for _, table := range tables {
		raw, err := os.ReadFile(table)
		if err != nil {
			continue // it has ended
		}
		for line := range strings.Lines(string(raw)) {
			if at := strings.Fields(line); len(at) > mountPoint && strings.HasPrefix(at[mountPoint], dir+"/") {
				_ = thaw(filepath.Join(filepath.Dir(table), "root", at[mountPoint])) // most are not frozen
			}
		}
	}
}

// mountPoint is the field of a line of mountinfo.
const mountPoint = 4
