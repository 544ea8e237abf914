package live

import (
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"

	"github.com/lockd/lockd/internal/console"
)

// A Full is a screen of a terminal that reports each key. Close restores the terminal.
type Full struct {
	in, out *os.File
	before  *term.State

	mu     sync.Mutex
	closed bool
}

// Open switches a terminal to a full screen.
func Open(in, out *os.File) (*Full, error) {
	f := &Full{in: in, out: out}
	return f, f.enter()
}

func (f *Full) enter() (err error) {
	if f.before, err = term.MakeRaw(int(f.in.Fd())); err != nil {
		return err
	}
	_, err = io.WriteString(f.out, enter)
	return err
}

// Close restores the terminal. It can be repeated.
func (f *Full) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed {
		f.closed = true
		f.leave()
	}
}

func (f *Full) leave() {
	_, _ = io.WriteString(f.out, wrap+leave)
	_ = term.Restore(int(f.in.Fd()), f.before)
}

// Suspend restores the terminal, stops this process as Ctrl-Z does, and returns when it continues.
func (f *Full) Suspend() error {
	f.leave()
	stop()
	return f.enter()
}

// Size returns the width and the height of the terminal.
func (f *Full) Size() (width, height int) { return console.Size(f.out) }

// Draw shows lines, from the top. There must be as many as the terminal is high, so that none of an earlier screen is left.
func (f *Full) Draw(lines []string) error {
	var b strings.Builder
	b.WriteString(noWrap + home)
	for i, line := range lines {
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(clearLine + line)
	}
	_, err := io.WriteString(f.out, b.String())
	return err
}

// A Key is a character, or one of the keys below.
type Key rune

// Keys that are no characters. They are negative, because no character is.
const (
	KeyUp Key = -iota - 1
	KeyDown
	KeyPageUp
	KeyPageDown
	KeyHome
	KeyEnd
	KeyEscape
	KeyEnter
	KeyBackspace
	KeyInterrupt
	KeySuspend
)

// Keys sends each key to a channel, until the terminal cannot be read or done is closed.
func (f *Full) Keys(keys chan<- Key, done <-chan struct{}) {
	buffer := make([]byte, 256)
	for {
		n, err := f.in.Read(buffer)
		if err != nil {
			return
		}
		for _, k := range keysIn(string(buffer[:n])) {
			select {
			case keys <- k:
			case <-done:
				return
			}
		}
	}
}

var sequences = []struct {
	text string
	key  Key
}{
	{"\x1b[A", KeyUp}, {"\x1bOA", KeyUp}, {"\x1b[B", KeyDown}, {"\x1bOB", KeyDown},
	{"\x1b[5~", KeyPageUp}, {"\x1b[6~", KeyPageDown}, {"\x1b[H", KeyHome}, {"\x1bOH", KeyHome}, {"\x1b[1~", KeyHome},
	{"\x1b[F", KeyEnd}, {"\x1bOF", KeyEnd}, {"\x1b[4~", KeyEnd},
	{"\r", KeyEnter}, {"\n", KeyEnter}, {"\x7f", KeyBackspace}, {"\b", KeyBackspace}, {"\x03", KeyInterrupt}, {"\x1a", KeySuspend},
}

// keysIn returns the keys in what was read at once. Unknown sequences are ignored.
func keysIn(text string) (keys []Key) {
next:
	for text != "" {
		for _, s := range sequences {
			if rest, ok := strings.CutPrefix(text, s.text); ok {
				keys, text = append(keys, s.key), rest
				continue next
			}
		}
		if strings.HasPrefix(text, "\x1b") {
			if text == "\x1b" {
				keys = append(keys, KeyEscape)
			}
			return keys
		}
		for _, r := range text {
			if r >= ' ' {
				keys = append(keys, Key(r))
			}
			text = text[len(string(r)):]
			break
		}
	}
	return keys
}
