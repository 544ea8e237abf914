//go:build linux

package top

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/creack/pty"
	"golang.org/x/term"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console/board"
	"github.com/lockd/lockd/internal/console/live"
	"github.com/lockd/lockd/internal/console/members"
	"github.com/lockd/lockd/lockdtest"
)

// modelOf returns the model of a board with n leases.
func modelOf(t *testing.T, n int) *model {
	t.Helper()
	server := lockdtest.Start(t)
	c := server.Client(lockd.Config{Holder: strings.Repeat("h", 60)})
	for i := range n {
		if _, err := c.Acquire(t.Context(), fmt.Sprintf("%s.%d", strings.Repeat("n", 90), i), lockd.AcquireOptions{TTL: time.Hour}); err != nil {
			t.Fatal(err)
		}
	}
	f := board.Feed{Client: c, Board: board.New(time.Now)}
	if _, err := f.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	m := &model{board: f.Board}
	cluster, err := members.Query(t.Context(), c, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	m.cluster = cluster
	return m
}

func TestScreenFitsTheTerminal(t *testing.T) {
	m := modelOf(t, 40)
	for _, size := range [][2]int{{80, 24}, {200, 50}, {60, 10}, {20, 3}, {1, 1}} {
		width, height := size[0], size[1]
		for _, failure := range []error{nil, context.DeadlineExceeded} {
			m.failure = failure
			lines, _ := m.lines(width, height, time.Now())
			if len(lines) != height {
				t.Errorf("%dx%d: %d lines", width, height, len(lines))
			}
			for _, line := range lines {
				if n := utf8.RuneCountInString(line); n > width && width >= 60 || strings.ContainsAny(line, "\x1b\r\n") {
					t.Errorf("%dx%d: %d characters: %q", width, height, n, line)
				}
			}
		}
	}
}

func TestKeysSortFilterAndScroll(t *testing.T) {
	m := modelOf(t, 30)
	press := func(keys ...live.Key) []lockd.State {
		for _, k := range keys {
			if m.press(k) {
				t.Fatalf("key %d ended the screen", k)
			}
		}
		_, shown := m.lines(80, 24, time.Now())
		return shown
	}
	if got := press(live.KeyUp); len(got) != 18 || !strings.HasSuffix(got[0].Name, ".0") {
		t.Errorf("the first screen: %d, %s", len(got), got[0].Name)
	}
	if got := press(live.KeyEnd); !strings.HasSuffix(got[17].Name, ".9") {
		t.Errorf("the end: %s", got[17].Name)
	}
	if got := press('/', '.', '2', 'x', live.KeyBackspace); len(got) != 11 || !m.typing {
		t.Errorf("filter %q: %d leases", m.filter, len(got))
	}
	if got := press('q', live.KeyBackspace, live.KeyEnter, 's'); len(got) != 11 || board.Keys()[m.sorted] != board.ByAge {
		t.Errorf("filter %q, key %d: %d leases", m.filter, m.sorted, len(got))
	}
	if got := press(live.KeyEscape); len(got) != 18 {
		t.Errorf("no filter: %d leases", len(got))
	}
	if !m.press('q') || !m.press(live.KeyInterrupt) {
		t.Error("q and Ctrl-C do not end the screen")
	}
}

// A panic of any goroutine is repeated by Run after the terminal is restored.
func TestPanicRestoresTheTerminal(t *testing.T) {
	server := lockdtest.Start(t)
	person, programs, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer person.Close()
	defer programs.Close()
	go func() { _, _ = io.Copy(io.Discard, person) }()
	before, err := term.GetState(int(programs.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		cause := fmt.Sprint(recover())
		after, err := term.GetState(int(programs.Fd()))
		if err != nil || !reflect.DeepEqual(before, after) || !strings.Contains(cause, "broken view") {
			t.Errorf("panic %q, %v: the terminal is %v, was %v", cause, err, after, before)
		}
	}()
	err = Run(t.Context(), Config{
		Feed:    &board.Feed{Client: server.Client(lockd.Config{}), Board: board.New(time.Now)},
		Cluster: func(context.Context) (*members.View, error) { panic("broken view") },
		In:      programs, Out: programs,
	})
	t.Errorf("Run returned %v", err)
}
