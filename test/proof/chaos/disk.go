package chaos

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// diskBytes is the size of a node's disk. It is small, so that a fault can fill it.
const diskBytes = 96 << 20

// A disk is an ext4 filesystem in an image file or, if the machine cannot mount one, a directory.
type disk struct {
	image string
	at    string // mount point
	plain bool
}

func newDisk(path string, plain bool) *disk {
	return &disk{image: path + ".img", at: path, plain: plain}
}

// format creates the filesystem. No blocks are reserved for root, because the fault that fills the disk runs as root.
func (d *disk) format() error {
	if d.plain {
		return os.MkdirAll(d.at, 0o700)
	}
	f, err := os.Create(d.image)
	if err != nil {
		return err
	}
	if err := firstError(f.Truncate(diskBytes), f.Close()); err != nil {
		return err
	}
	if err := os.MkdirAll(d.at, 0o700); err != nil {
		return err
	}
	return run("", "mkfs.ext4", "-q", "-F", "-m", "0", d.image)
}

func (d *disk) mount() error {
	if d.plain {
		return nil
	}
	if err := makeLoopDevice(); err != nil {
		return err
	}
	return run("", "mount", "-o", "loop", d.image, d.at)
}

func (d *disk) unmount() error {
	if d.plain {
		return nil
	}
	return run("", "umount", d.at)
}

// makeLoopDevice creates the device node of the next free loop device if it is missing.
func makeLoopDevice() error {
	control, err := os.Open("/dev/loop-control")
	if err != nil {
		return err
	}
	defer control.Close()
	free, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
	if err != nil {
		return fmt.Errorf("get a free loop device: %w", err)
	}
	err = unix.Mknod("/dev/loop"+strconv.Itoa(free), unix.S_IFBLK|0o600, int(unix.Mkdev(loopMajor, uint32(free))))
	if errors.Is(err, unix.EEXIST) {
		return nil
	}
	return err
}

const (
	loopMajor = 7
	// ext4Shutdown is EXT4_IOC_SHUTDOWN. withoutFlush discards what was not synced.
	ext4Shutdown = 0x8004587d
	withoutFlush = 2
	// FIFREEZE and FITHAW of linux/fs.h.
	fsFreeze = 0xC0045877
	fsThaw   = 0xC0045878
)

// cutPower stops the filesystem as a power failure does: what was not synced is lost, and every later write fails.
func (d *disk) cutPower() error {
	return onDirectory(d.at, func(fd int) error { return unix.IoctlSetPointerInt(fd, ext4Shutdown, withoutFlush) })
}

// freeze blocks every write until thaw. A process that writes cannot be killed.
func (d *disk) freeze() error {
	return onDirectory(d.at, func(fd int) error { return unix.IoctlSetInt(fd, fsFreeze, 0) })
}

func (d *disk) thaw() error { return thaw(d.at) }

func thaw(path string) error {
	return onDirectory(path, func(fd int) error { return unix.IoctlSetInt(fd, fsThaw, 0) })
}

func onDirectory(path string, do func(fd int) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := do(int(f.Fd())); err != nil {
		return fmt.Errorf("ioctl on %s: %w", path, err)
	}
	return nil
}

// fill allocates every free block.
func (d *disk) fill() (err error) {
	f, err := os.Create(d.ballast())
	if err != nil {
		return err
	}
	defer f.Close()
	chunk := make([]byte, 1<<20)
	for size := len(chunk); size > 0; {
		if _, err = f.Write(chunk[:size]); errors.Is(err, unix.ENOSPC) {
			size /= 2
		} else if err != nil {
			return err
		}
	}
	return nil
}

// empty frees what fill allocated.
func (d *disk) empty() error { return os.Remove(d.ballast()) }

func (d *disk) ballast() string { return filepath.Join(d.at, "ballast") }

// A canary is a file that is not synced. Its loss shows that a power failure took effect.
func (d *disk) canary() string { return filepath.Join(d.at, "canary") }

const canaryBytes = 64 << 10

func (d *disk) placeCanary() error {
	return os.WriteFile(d.canary(), make([]byte, canaryBytes), 0o600)
}

// canaryLost reports whether the canary is lost, and removes its remains.
func (d *disk) canaryLost() (bool, error) {
	info, err := os.Stat(d.canary())
	if errors.Is(err, os.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return info.Size() < canaryBytes, os.Remove(d.canary())
}

// remount mounts the filesystem again, as after a power failure: the journal is replayed.
func (d *disk) remount() error { return firstError(d.unmount(), d.mount()) }
