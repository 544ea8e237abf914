package chaos

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A logFile collects the output of a node. The node writes to a pipe, so that a fault can stop the reader.
type logFile struct {
	path string
	pipe *os.File // the end to which nodes write

	// reading is held by the reader while it copies, and by a fault that stops it.
	reading sync.Mutex
	// mu guards lines.
	mu    sync.Mutex
	lines bytes.Buffer
}

func newLogFile(path string) (*logFile, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	l := &logFile{path: path, pipe: w}
	out, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	go l.copy(r, out)
	return l, nil
}

func (l *logFile) copy(r, out *os.File) {
	buffer := make([]byte, 32<<10)
	for {
		l.reading.Lock()
		l.reading.Unlock() //nolint:staticcheck // a fault holds it to stop the reader
		n, err := r.Read(buffer)
		if n > 0 {
			l.mu.Lock()
			l.lines.Write(buffer[:n])
			l.mu.Unlock()
			_, _ = out.Write(buffer[:n])
		}
		if err != nil {
			return
		}
	}
}

// stuff fills the pipe through a separate non-blocking descriptor, so that the descriptor of the node stays blocking.
func (l *logFile) stuff() error {
	end, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", l.pipe.Fd()), os.O_WRONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer end.Close()
	line := []byte(strings.Repeat("filled by a fault\n", 200))
	for size := len(line); size > 0; {
		_, err := unix.Write(int(end.Fd()), line[:size])
		switch {
		case err == nil:
			time.Sleep(time.Millisecond) // the reader may still read once
		case errors.Is(err, unix.EAGAIN):
			size /= 2
		default:
			return err
		}
	}
	return nil
}

// position returns the current end of the log, for since.
func (l *logFile) position() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines.Len()
}

// waitFor returns since(position) once it contains what. The output may be read from the pipe after the process has
// exited.
func (l *logFile) waitFor(position int, what string) string {
	for end := time.Now().Add(readPatience); time.Now().Before(end) && !strings.Contains(l.since(position), what); {
		time.Sleep(time.Millisecond)
	}
	return l.since(position)
}

// readPatience is how long the reader may take to read the pipe.
const readPatience = 2 * time.Second

// since returns the output after a position.
func (l *logFile) since(position int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.lines.Bytes()[position:])
}

func (l *logFile) tail(lines int) string {
	all := strings.Split(strings.TrimSpace(l.since(0)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
