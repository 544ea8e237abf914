package transport

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// opening is how a connection begins.
func opening(kind Kind, hello []byte) []byte {
	head := binary.BigEndian.AppendUint16([]byte{byte(kind)}, uint16(len(hello)))
	return append(head, hello...)
}

// exchange writes bytes to a connection, and then closes it unless it stays open. The
// result returns the bytes of the other side after it has closed the connection.
func exchange(conn net.Conn, sent []byte, stays bool) (received func() []byte) {
	answer := make(chan []byte, 1)
	go func() {
		b, _ := io.ReadAll(conn) // until it ends, in whichever way
		answer <- b
	}()
	go func() {
		_, _ = conn.Write(sent) // the other side may not want all of it
		if !stays {
			conn.Close()
		}
	}()
	return func() []byte { return <-answer }
}

var errUnwanted = errors.New("not admitted")

// FuzzGreet answers any bytes on a new connection, with a simulated clock. It never takes
// longer than handshakeTimeout.
func FuzzGreet(f *testing.F) {
	hello := []byte(`{"cluster":"c","from":"a.1","name":"a","peer":"h:1","http":"h:2","to":"b.2","version":2}`)
	f.Add(opening(KindCall, hello), false, true)
	f.Add(append(opening(KindRaft, hello), "and Raft's own"...), true, true)
	f.Add(opening(KindCall, hello), true, false)
	f.Add(opening(KindCall, hello)[:20], true, true)
	f.Add(opening('X', hello), false, true)
	f.Add(opening(KindCall, []byte(`{"version":1e400}`)), false, true)
	f.Add(opening(KindCall, []byte(`{"version":18446744073709551615}`)), false, true)
	f.Add([]byte{byte(KindRaft), 0xff, 0xff}, true, true)
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), false, true)
	f.Fuzz(func(t *testing.T, sent []byte, stays, wanted bool) {
		synctest.Test(t, func(t *testing.T) {
			near, far := net.Pipe()
			received := exchange(far, sent, stays)
			begun := time.Now()
			kind, hello, r, err := greet(near, "", 3, func(Kind, Hello) error {
				if wanted {
					return nil
				}
				return errUnwanted
			})
			if took := time.Since(begun); took > handshakeTimeout {
				t.Errorf("it took %v", took)
			}
			if err == nil {
				welcomed(t, kind, hello, sent, r, stays)
			}
			near.Close()
			far.Close()
			answered(t, received(), err)
		})
	})
}

// welcomed checks what greet returned for a hello.
func welcomed(t *testing.T, kind Kind, hello Hello, sent []byte, r *bufio.Reader, stays bool) {
	t.Helper()
	size := int(binary.BigEndian.Uint16(sent[1:]))
	var want Hello
	if err := json.Unmarshal(sent[3:3+size], &want); err != nil {
		t.Fatalf("%q passes for a hello: %v", sent, err)
	}
	if kind != Kind(sent[0]) || hello.From != want.From || hello.Version < 1 || hello.Version > 3 {
		t.Errorf("%q was read as %c %+v", sent, kind, hello)
	}
	rest := make([]byte, len(sent)-3-size)
	if _, err := io.ReadFull(r, rest); err != nil || !bytes.Equal(rest, sent[3+size:]) {
		t.Errorf("what follows the hello is %q (%v): %q", rest, err, sent)
	}
	if stays {
		return
	}
	if _, err := r.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v", err)
	}
}

// answered checks the answer: none, or a complete one that agrees with err.
func answered(t *testing.T, answer []byte, err error) {
	t.Helper()
	if len(answer) == 0 && err != nil {
		return
	}
	var w welcome
	if len(answer) < 2 || int(binary.BigEndian.Uint16(answer)) != len(answer)-2 || json.Unmarshal(answer[2:], &w) != nil {
		t.Fatalf("the answer is %q", answer)
	}
	if (w.Refused != "") != errors.Is(err, errUnwanted) || w.Version != 3 {
		t.Errorf("the answer is %+v, and here it is %v", w, err)
	}
}

// FuzzWelcome opens a connection to a server that answers with any bytes.
func FuzzWelcome(f *testing.F) {
	framed := func(s string) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...) }
	f.Add(framed(`{"version":2}`), false)
	f.Add(framed(`{"refused":"another cluster"}`), true)
	f.Add(framed(`{"version":-1}`), true)
	f.Add(framed(`{}`)[:3], true)
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), false)
	f.Fuzz(func(t *testing.T, sent []byte, stays bool) {
		synctest.Test(t, func(t *testing.T) {
			near, far := net.Pipe()
			received := exchange(far, sent, stays)
			begun := time.Now()
			conn, err := Greet(near, KindCall, Hello{Name: "a", Version: 2}, handshakeTimeout)
			if took := time.Since(begun); took > handshakeTimeout {
				t.Errorf("it took %v", took)
			}
			if err == nil && (conn.Version < 1 || conn.Version > 2) {
				t.Errorf("%q: the connection speaks version %d", sent, conn.Version)
			}
			near.Close()
			far.Close()
			received()
		})
	})
}

// encoded is a frame on the wire.
func encoded(f frame) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(f.payload)))
	b = binary.BigEndian.AppendUint64(b, f.id)
	return append(append(b, f.tag), f.payload...)
}

// FuzzFrame sends bytes to a server as one that was let in: every whole frame is
// answered by one, and what is announced and does not come takes no memory.
func FuzzFrame(f *testing.F) {
	two := slices.Concat(encoded(frame{1, 7, []byte("first")}), encoded(frame{2, 0, nil}))
	f.Add(two)
	f.Add(two[:len(two)-1])
	f.Add(encoded(frame{1<<64 - 1, 255, bytes.Repeat([]byte("x"), 70_000)}))
	f.Add(binary.BigEndian.AppendUint32(nil, requestFrame+1))
	f.Add(append(binary.BigEndian.AppendUint32(nil, requestFrame), "a few bytes of it"...))
	f.Add(bytes.Repeat([]byte{0xff}, frameHead))
	f.Fuzz(func(t *testing.T, sent []byte) {
		want, refused := whole(t, sent)
		synctest.Test(t, func(t *testing.T) {
			near, far := net.Pipe()
			received := exchange(far, sent, true)
			s := NewServer(ServerConfig{
				Log: slog.New(slog.DiscardHandler),
				Handle: func(_ Hello, method byte, payload []byte, respond func(byte, []byte)) {
					respond(method, payload)
				},
			})
			ended := make(chan error, 1)
			go func() { ended <- s.calls(near, Hello{}, bufio.NewReader(near), true) }()
			synctest.Wait()
			far.Close()
			if err := <-ended; err == nil {
				t.Error("a connection's end is no error")
			}
			// Who is refused may lose answers that were on their way.
			if got := received(); !bytes.HasPrefix(want, got) || !refused && len(got) < len(want) {
				t.Errorf("answered %q to %q", got, want)
			}
		})
	})
}

// whole returns the frames that bytes begin with, read one by one, and whether
// what follows is refused, not cut short.
func whole(t *testing.T, sent []byte) (frames []byte, refused bool) {
	t.Helper()
	for r := bufio.NewReader(bytes.NewReader(sent)); ; {
		got, err := readFrame(r, requestFrame)
		if most := 2*len(sent) + trusted; cap(got.payload) > most {
			t.Fatalf("%d bytes made it take %d", len(sent), cap(got.payload))
		}
		if err != nil {
			return frames, !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF)
		}
		frames = append(frames, encoded(got)...)
		if !bytes.HasPrefix(sent, frames) {
			t.Fatalf("%q was read as %q", sent, frames)
		}
	}
}
