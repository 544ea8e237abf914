package lockd

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// A message is one event of a text/event-stream.
type message struct {
	id    string
	event string
	data  []byte
}

// readSSE calls take for each message. A comment is an empty message, because it shows that the
// stream is alive. It ends with the error of take or of the stream.
func readSSE(r io.Reader, take func(message) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 4<<10), maxAnswerBytes)
	var m message
	var begun bool
	var size int
	for lines.Scan() {
		line := lines.Text()
		if size += len(line) + 1; size > maxAnswerBytes {
			return fmt.Errorf("%w: %w", errUnread, errTooLong)
		}
		switch {
		case line == "" && begun:
			if err := take(m); err != nil {
				return err
			}
			m, begun, size = message{}, false, 0
		case strings.HasPrefix(line, ":"):
			size -= len(line) + 1
			if err := take(message{}); err != nil {
				return err
			}
		case line != "":
			m.field(line)
			begun = true
		}
	}
	err := lines.Err()
	if err == nil {
		err = io.EOF
	}
	return fmt.Errorf("%w: %w", errUnread, err)
}

func (m *message) field(line string) {
	name, value, _ := strings.Cut(line, ":")
	value = strings.TrimPrefix(value, " ")
	switch name {
	case "id":
		m.id = value
	case "event":
		m.event = value
	case "data":
		if m.data != nil {
			m.data = append(m.data, '\n')
		}
		m.data = append(m.data, value...)
	}
}
