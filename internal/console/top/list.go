package top

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/lockd/lockd/internal/console"
	"github.com/lockd/lockd/internal/console/board"
	"github.com/lockd/lockd/internal/console/leases"
	"github.com/lockd/lockd/internal/console/live"
)

// List shows the leases at the end of the output of a terminal, as a table that is drawn again each second, until ctx
// ends. Leases that do not fit the terminal are counted.
func List(ctx context.Context, feed *board.Feed, out io.Writer, wide bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- feed.Run(ctx) }()
	region := live.Region{To: out}
	tick := time.NewTicker(resizeEvery)
	defer tick.Stop()
	var drawn time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-ended:
			if ctx.Err() != nil {
				return nil
			}
			return err
		case <-tick.C:
		}
		if !feed.Loaded() || time.Since(drawn) < frameEvery {
			continue
		}
		drawn = time.Now()
		if err := region.Draw(listLines(feed, out, wide)); err != nil {
			return err
		}
	}
}

// listLines returns the table, and a line about leases that are not in it and about a failure.
func listLines(feed *board.Feed, out io.Writer, wide bool) []string {
	screen := console.NewScreen(out)
	_, height := console.Size(out)
	most := max(height-3, 1) // the head, the line below, and the line of the cursor
	v := feed.Board.View("", board.ByName, 0, most)
	feed.Show(v.Leases)
	lines := leases.StateTable(wide, v.Leases...).Lines(screen)
	if len(lines) > most+1 { // a lease has a line for each holder
		lines = lines[:most+1]
	}
	note, color := "", console.Dim
	switch {
	case v.Trouble != nil:
		note, color = "not current: "+console.Plain(console.ErrorText(v.Trouble)), console.Yellow
	case v.Full:
		note, color = fmt.Sprintf("more than %d leases: not all are counted; pass --prefix", board.MaxLeases), console.Yellow
	case v.Matching > len(v.Leases):
		note = fmt.Sprintf("%d more leases; pass --prefix, or use lockd top", v.Matching-len(v.Leases))
	default:
		return lines
	}
	return append(lines, screen.Style.Paint(color, console.Shorten(note, screen.Width)))
}
