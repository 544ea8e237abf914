package leases

import (
	"encoding/json"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console"
	"github.com/lockd/lockd/internal/console/cells"
)

// StateTable has a row for each holder, and a row for each lease without a holder. SLOT is a column only if a limit is
// above 1, and URL only if a holder has one. If wide is set, there are all columns, and none is cut.
func StateTable(wide bool, states ...lockd.State) *console.Table {
	slots, urls := wide, wide
	for _, s := range states {
		slots = slots || s.Limit > 1
		for _, h := range s.Holders {
			urls = urls || URL(h.Meta) != ""
		}
	}
	return stateTable(slots, urls, wide, states...)
}

// RowTable has the rows of one lease. The columns are the same for each lease, and their widths as a rule.
func RowTable(wide bool, s lockd.State) *console.Table {
	t := stateTable(true, true, wide, s)
	t.Least = []int{30, 8, 20, 8, 6, 7, 7, 6, 4, 30}
	return t
}

func stateTable(slots, urls, wide bool, states ...lockd.State) *console.Table {
	t := &console.Table{Head: "NAME\tSTATE\tHOLDER\tTOKEN\tTTL\tFREE-IN\tWAITERS\tAGE",
		Cut: []string{"NAME", "HOLDER", "URL"}, Drop: []string{"URL", "TTL", "TOKEN"}}
	if slots {
		t.Head += "\tSLOT"
	}
	if urls {
		t.Head += "\tURL"
	}
	if wide {
		t.Head, t.Cut, t.Drop = t.Head+"\tLIMIT\tRENEWED\tREVISION\tMETA", nil, nil
	}
	for _, s := range states {
		if len(s.Holders) == 0 {
			t.Rows = append(t.Rows, stateRow(s, nil, slots, urls, wide))
		}
		for _, h := range s.Holders {
			t.Rows = append(t.Rows, stateRow(s, &h, slots, urls, wide))
		}
	}
	return t
}

// stateRow returns the row of a holder, or of a lease without one.
func stateRow(s lockd.State, h *lockd.HolderState, slots, urls, wide bool) []string {
	row := []string{s.Name, s.State, "", "", "", cells.Maybe(s.AvailableIn, cells.Duration), cells.Number(s.QueueLength), ""}
	var slot, url, renewed, meta string
	if h != nil {
		row[2], row[3], row[4] = h.Holder, cells.Token(h.Token), ttl(h.TTL)
		row[5], row[7] = cells.Maybe(h.FreeIn, cells.Duration), cells.Age(h.Held)
		url, renewed, meta = URL(h.Meta), cells.Maybe(h.RenewedAgo, cells.Duration), string(h.Meta)
		if wide || s.Limit > 1 {
			slot = cells.Number(h.Slot)
		}
	}
	if slots {
		row = append(row, slot)
	}
	if urls {
		row = append(row, url)
	}
	if wide {
		row = append(row, cells.Number(s.Limit), renewed, cells.Token(s.Revision), meta)
	}
	return row
}

// URL returns the member url of the meta of a holder, or "".
func URL(meta json.RawMessage) string {
	var with struct {
		URL string `json:"url"`
	}
	if json.Unmarshal(meta, &with) != nil {
		return ""
	}
	return with.URL
}

// URLTable has the URL of each holder that has one.
func URLTable(holders []lockd.HolderState) *console.Table {
	t := &console.Table{Head: "HOLDER\tURL"}
	for _, h := range holders {
		if url := URL(h.Meta); url != "" {
			t.Add(h.Holder, url)
		}
	}
	return t
}

// ttl returns a TTL, or "none" for a hold without one.
func ttl(d lockd.Millis) string {
	if d == 0 {
		return "none"
	}
	return cells.Duration(d)
}

// QueueTable has a row for each waiter.
func QueueTable(queue []lockd.Waiter) *console.Table {
	t := &console.Table{Head: "POSITION\tWAITER\tPRIORITY\tWAITING"}
	for i, w := range queue {
		t.Add(cells.Number(i+1), w.Holder, cells.Number(w.Priority), cells.Duration(w.Waiting))
	}
	return t
}

// GrantTables returns a table of grants and, if an operator requested a step-down, a second one.
func GrantTables(grants ...lockd.Grant) []*console.Table {
	var holders []lockd.HolderState
	t := &console.Table{Head: "NAME\tHOLDER\tSESSION\tTOKEN\tSLOT\tTTL\tEXPIRES-IN"}
	for _, g := range grants {
		t.Add(g.Name, g.Holder, g.Session, cells.Token(g.Token), cells.Number(g.Slot), cells.Duration(g.TTL), cells.Duration(g.ExpiresIn))
		holders = append(holders, lockd.HolderState{Holder: g.Holder, Token: g.Token, StepDown: g.StepDown})
	}
	return append([]*console.Table{t}, StepDownTables(holders)...)
}

// StepDownTables returns a table with a row for each holder with a step-down request, or none.
func StepDownTables(holders []lockd.HolderState) []*console.Table {
	t := &console.Table{Head: "ASKED-TO-STEP-DOWN\tTOKEN\tTO\tWITHIN"}
	for _, h := range holders {
		if h.StepDown != nil {
			t.Add(h.Holder, cells.Token(h.Token), h.StepDown.To, cells.Maybe(h.StepDown.Within, cells.Left))
		}
	}
	if len(t.Rows) == 0 {
		return nil
	}
	return []*console.Table{t}
}

// HistoryTable has a row for each event of one name.
func HistoryTable(events []lockd.Event) *console.Table {
	t := &console.Table{Head: "REVISION\tAT\tTYPE\tHOLDER\tTOKEN\tCAUSE\tHELD\tTO\tBY\tREASON"}
	for _, e := range events {
		t.Add(cells.Token(e.Revision), cells.Time(e.At), e.Type, e.Holder, cells.Token(e.Token), e.Cause, cells.Maybe(e.Held, cells.Span), e.To, e.By, e.Reason)
	}
	return t
}
