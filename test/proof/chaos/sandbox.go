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

// roleVariable is the environment variable with the role of a copy of the test binary.
const roleVariable = "LOCKD_CHAOS_ROLE"

// The roles. The process that was started without a role is the outermost one: it creates the sandbox and waits for
// its end.
const (
	roleInside = "inside"
	roleClient = "client"
)

// workPrefix is the prefix of the name of a run's directory. The process ID of the outermost process follows.
const workPrefix = "lockd-chaos-"

// enterSandbox runs this program again, with the same arguments, as the first process of new namespaces. When that
// process exits, the kernel kills all other processes in them, and removes the mounts and networks.
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
	// The kernel sends the death signal when the thread that started the process ends, so this thread must remain.
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

// errNoSandbox reports that the machine does not allow namespaces.
var errNoSandbox = errors.New("cannot create a sandbox")

// workVariable is the environment variable with the directory of the run.
const workVariable = "LOCKD_CHAOS_DIR"

// furnish creates the mounts of the sandbox. They are private, and in memory.
func furnish(dir string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mounting /proc: %w", err)
	}
	for _, at := range []string{"/run", dir} {
		if err := unix.Mount("tmpfs", at, "tmpfs", 0, "mode=0700"); err != nil {
			return fmt.Errorf("mount a tmpfs at %s: %w", at, err)
		}
	}
	return nil
}

// sweep removes what an earlier run left whose outermost process was killed: its directory, its control groups, and
// frozen disks, which keep its nodes from exiting.
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
		_ = removeGroups(group) // its processes may not have exited yet: the next run removes it
	}
	return nil
}

// leftBehind returns the paths with the name of a run that has ended.
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

// thawUnder thaws the disks below the directory of an ended run. Those mounts are reachable only through the blocked
// threads, which cannot be killed.
func thawUnder(dir string) {
	tables, _ := filepath.Glob("/proc/[0-9]*/task/[0-9]*/mountinfo")
	for _, table := range tables {
		raw, err := os.ReadFile(table)
		if err != nil {
			continue // it has exited
		}
		for line := range strings.Lines(string(raw)) {
			if at := strings.Fields(line); len(at) > mountPoint && strings.HasPrefix(at[mountPoint], dir+"/") {
				_ = thaw(filepath.Join(filepath.Dir(table), "root", at[mountPoint])) // fails for most, which are not frozen
			}
		}
	}
}

// mountPoint is the index of a field in a line of mountinfo.
const mountPoint = 4
