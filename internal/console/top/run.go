package top

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"

	"github.com/lockd/lockd/internal/console"
	"github.com/lockd/lockd/internal/console/board"
	"github.com/lockd/lockd/internal/console/live"
	"github.com/lockd/lockd/internal/console/members"
)

const (
	frameEvery   = time.Second            // how often the screen is drawn if no key is pressed
	resizeEvery  = 200 * time.Millisecond // how often the size of the terminal is checked
	clusterEvery = 5 * time.Second        // how often the members are read
)

// Config configures a screen.
type Config struct {
	Feed    *board.Feed
	Cluster func(context.Context) (*members.View, error)
	Style   console.Style
	In, Out *os.File // a terminal
}

// Run shows the screen until q is pressed or ctx ends. It restores the terminal, also if it panics. It returns an error if
// the leases cannot be read.
func Run(ctx context.Context, cfg Config) error {
	screen, err := live.Open(cfg.In, cfg.Out)
	if err != nil {
		return err
	}
	defer screen.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	u := &updates{ended: make(chan error, 1), crashed: make(chan crash, 1), cluster: make(chan clusterUpdate), keys: make(chan live.Key)}
	go u.guard(func() { u.ended <- cfg.Feed.Run(ctx) })
	go u.guard(func() { u.readCluster(ctx, cfg.Cluster) })
	go u.guard(func() { screen.Keys(u.keys, ctx.Done()) }) // ends with this process: a read of a terminal cannot be ended
	m := &model{board: cfg.Feed.Board, style: cfg.Style, loading: true}
	return u.show(ctx, m, screen, cfg.Feed)
}

// updates are what changes the screen.
type updates struct {
	ended   chan error // the feed has ended
	crashed chan crash
	cluster chan clusterUpdate
	keys    chan live.Key
}

type clusterUpdate struct {
	view *members.View
	err  error
}

// A crash is a panic of another goroutine. It is repeated after the terminal is restored.
type crash struct {
	cause any
	stack []byte
}

func (c crash) String() string { return fmt.Sprintf("%v\n\n%s", c.cause, c.stack) }

// guard runs do, and passes on its panic.
func (u *updates) guard(do func()) {
	defer func() {
		if cause := recover(); cause != nil {
			u.crashed <- crash{cause, debug.Stack()}
		}
	}()
	do()
}

// readCluster reads the members repeatedly.
func (u *updates) readCluster(ctx context.Context, read func(context.Context) (*members.View, error)) {
	for {
		v, err := read(ctx)
		select {
		case u.cluster <- clusterUpdate{v, err}:
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(clusterEvery):
		case <-ctx.Done():
			return
		}
	}
}

// show draws the screen after each change of it, each second, and when the size of the terminal has changed.
func (u *updates) show(ctx context.Context, m *model, screen *live.Full, feed *board.Feed) error {
	resize := time.NewTicker(resizeEvery)
	defer resize.Stop()
	var drawn time.Time
	var width, height int
	for {
		w, h := screen.Size()
		if now := time.Now(); now.Sub(drawn) >= frameEvery || w != width || h != height {
			drawn, width, height = now, w, h
			lines, leases := m.lines(width, height, now)
			feed.Show(leases)
			if err := screen.Draw(lines); err != nil {
				return err
			}
		}
		changed, quit, err := u.wait(ctx, m, screen, resize.C)
		if quit || err != nil {
			return err
		}
		if changed {
			drawn = time.Time{}
		}
		m.loading = m.loading && !feed.Loaded()
	}
}

// wait waits for a change of the screen, the end, or a tick. After the end of ctx err is nil.
func (u *updates) wait(ctx context.Context, m *model, screen *live.Full, tick <-chan time.Time) (changed, quit bool, err error) {
	select {
	case <-tick:
		return false, false, nil
	case <-ctx.Done():
		return false, true, nil
	case err := <-u.ended:
		if ctx.Err() != nil {
			err = nil
		}
		return false, true, err
	case c := <-u.crashed:
		panic(c)
	case c := <-u.cluster:
		m.failure = c.err
		if c.view != nil {
			m.cluster = c.view
		}
	case k := <-u.keys:
		if k == live.KeySuspend {
			return true, false, screen.Suspend()
		}
		return true, m.press(k), nil
	}
	return true, false, nil
}

// Once prints one frame with all leases.
func Once(ctx context.Context, cfg Config, to io.Writer, on console.Screen) error {
	if _, err := cfg.Feed.Load(ctx); err != nil {
		return err
	}
	m := &model{board: cfg.Feed.Board, style: on.Style}
	m.cluster, m.failure = cfg.Cluster(ctx)
	v := m.board.View("", board.ByName, 0, board.MaxLeases)
	width := on.Width
	if width == 0 {
		width = onceWidth
	}
	for _, line := range m.head(v, width, time.Now()) {
		if _, err := fmt.Fprintln(to, line); err != nil {
			return err
		}
	}
	return Table(v.Leases).Print(to, on)
}

const onceWidth = 120 // of the lines above the table, without a terminal
