// Package top is a live screen of a cluster and its leases.
package top

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console"
	"github.com/lockd/lockd/internal/console/board"
	"github.com/lockd/lockd/internal/console/cells"
	"github.com/lockd/lockd/internal/console/live"
	"github.com/lockd/lockd/internal/console/members"
)

// A model is what the screen shows, and how the keys change it.
type model struct {
	board *board.Board
	style console.Style

	sorted  int // index of board.Keys
	filter  string
	typing  bool // the keys change the filter
	skip    int  // leases above the first that is shown
	page    int  // leases that the screen shows
	cluster *members.View
	failure error // why cluster is not current
	loading bool
}

const maxFilter = 64 // characters

// press changes the model by a key. It returns true to end the program.
func (m *model) press(k live.Key) (quit bool) {
	if m.typing {
		return m.typeFilter(k)
	}
	switch k {
	case 'q', live.KeyInterrupt:
		return true
	case 's':
		m.sorted, m.skip = (m.sorted+1)%len(board.Keys()), 0
	case '/':
		m.typing = true
	case live.KeyEscape:
		m.filter, m.skip = "", 0
	case 'k', live.KeyUp:
		m.skip--
	case 'j', live.KeyDown:
		m.skip++
	case live.KeyPageUp:
		m.skip -= m.page
	case ' ', live.KeyPageDown:
		m.skip += m.page
	case 'g', live.KeyHome:
		m.skip = 0
	case 'G', live.KeyEnd:
		m.skip = board.MaxLeases
	}
	return false
}

// typeFilter changes the filter by a key.
func (m *model) typeFilter(k live.Key) (quit bool) {
	m.skip = 0
	switch {
	case k == live.KeyInterrupt:
		return true
	case k == live.KeyEnter:
		m.typing = false
	case k == live.KeyEscape:
		m.typing, m.filter = false, ""
	case k == live.KeyBackspace:
		if _, size := utf8.DecodeLastRuneInString(m.filter); size > 0 {
			m.filter = m.filter[:len(m.filter)-size]
		}
	case k > 0 && utf8.RuneCountInString(m.filter) < maxFilter:
		m.filter += string(rune(k))
	}
	return false
}

// headLines and footLines are the lines above and below the rows of the table.
const (
	headLines = 5 // two lines, what is sorted, an empty line, and the head of the table
	footLines = 1
)

// lines returns the screen for a size, and the leases on it.
func (m *model) lines(width, height int, now time.Time) ([]string, []lockd.State) {
	m.page = max(height-headLines-footLines, 1)
	by := board.Keys()[m.sorted]
	v := m.board.View(m.filter, by, m.skip, m.page)
	if last := max(v.Matching-m.page, 0); m.skip > last || m.skip < 0 { // the end of the list, or before its start
		m.skip = max(min(m.skip, last), 0)
		v = m.board.View(m.filter, by, m.skip, m.page)
	}
	lines := m.head(v, width, now)
	lines = append(lines, Table(v.Leases).Lines(console.Screen{Width: width, Style: m.style})...)
	for len(lines) < height-footLines {
		lines = append(lines, "")
	}
	lines = append(lines[:max(height-footLines, 0)], m.foot(v, width))
	return lines, v.Leases
}

// head returns the lines above the table.
func (m *model) head(v board.View, width int, now time.Time) []string {
	first := m.clusterLine()
	clock := now.Format(time.TimeOnly)
	first = console.Shorten(first, width-len(clock)-2)
	first += strings.Repeat(" ", max(width-utf8.RuneCountInString(first)-len(clock), 1)) + clock
	color := console.Bold
	if m.failure != nil || m.cluster != nil && !m.cluster.Served() {
		color = console.Red
	}
	figures := fmt.Sprintf("leases %d held   waiters %d   grants %.1f/s   expiries %.1f/s", v.Held, v.Waiting, v.Grants, v.Expiries)
	return []string{m.style.Paint(color, first), console.Shorten(figures, width), m.noticeLine(v, width), ""}
}

func (m *model) clusterLine() string {
	switch {
	case m.failure != nil:
		return "NO ANSWER: " + console.Plain(console.ErrorText(m.failure))
	case m.cluster == nil:
		return "lockd top"
	}
	a := m.cluster.Answer()
	up := 0
	for _, member := range a.Members {
		if member.Up {
			up++
		}
	}
	if !m.cluster.Served() {
		return m.cluster.Headline()
	}
	return fmt.Sprintf("cluster %.8s   leader %s   nodes %d of %d up   term %d", console.Plain(a.ID), console.Plain(a.Leader), up, len(a.Members), a.Term)
}

// noticeLine reports what is wrong, or what is sorted and filtered.
func (m *model) noticeLine(v board.View, width int) string {
	switch {
	case v.Trouble != nil:
		return m.style.Paint(console.Yellow, console.Shorten("not current: "+console.Plain(console.ErrorText(v.Trouble)), width))
	case v.Full:
		return m.style.Paint(console.Yellow, console.Shorten(fmt.Sprintf("more than %d leases: not all are shown; pass --prefix", board.MaxLeases), width))
	case m.loading:
		return m.style.Paint(console.Dim, "reading the leases")
	case m.typing:
		return console.Shorten("filter: "+m.filter+"_", width)
	}
	text := "sorted by " + string(board.Keys()[m.sorted])
	if m.filter != "" {
		text += "   filter: " + m.filter
	}
	return m.style.Paint(console.Dim, console.Shorten(text, width))
}

// foot returns the keys, and which leases are on the screen.
func (m *model) foot(v board.View, width int) string {
	keys, shown := "s sort   / filter   arrows scroll   q quit", "no leases"
	if m.typing {
		keys = "enter keep   esc clear"
	}
	if len(v.Leases) > 0 {
		shown = fmt.Sprintf("%d-%d of %d", m.skip+1, m.skip+len(v.Leases), v.Matching)
	}
	space := max(width-len(keys)-len(shown), 1)
	return m.style.Paint(console.Dim, console.Shorten(keys+strings.Repeat(" ", space)+shown, width))
}

// Table has a row for each lease. The widths of the times do not change each second.
func Table(states []lockd.State) *console.Table {
	t := &console.Table{Head: "NAME\tSTATE\tHOLDER\tTOKEN\tAGE\tFREE-IN\tWAITERS", Cut: []string{"NAME", "HOLDER"}, Drop: []string{"TOKEN", "AGE"}}
	for _, s := range states {
		holder, token, age, left := "", "", "", cells.Maybe(s.AvailableIn, seconds)
		if len(s.Holders) > 0 {
			h := s.Holders[0]
			holder, token, age, left = h.Holder, cells.Token(h.Token), cells.Age(h.Held), cells.Maybe(h.FreeIn, seconds)
		}
		if more := s.HolderCount - 1; more > 0 {
			holder += fmt.Sprintf(" +%d", more)
		}
		t.Add(s.Name, s.State, holder, token, fmt.Sprintf("%-7s", age), fmt.Sprintf("%-7s", left), cells.Number(s.QueueLength))
	}
	return t
}

// seconds rounds down.
func seconds(m lockd.Millis) string { return m.Duration().Truncate(time.Second).String() }
