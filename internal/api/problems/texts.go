package problems

import (
	"embed"
	"fmt"
	"net/http"
	"strings"
)

// Path begins the path of the page of each problem.
const Path = "/problems/"

// Section is the path of the page that lists all problems.
const Section = "/problems"

// Texts has the page of each problem: <kind>.md, and index.md for the page that lists all problems. The status, the title
// and the detail of the table are added before the text.
//
//go:embed *.md
var Texts embed.FS

// Text returns the page of a problem, by its kind, or of the list of problems, by "index": without what the table has.
func Text(name string) string {
	b, err := Texts.ReadFile(name + ".md")
	if err != nil {
		panic("problems: read the page of a problem: " + err.Error())
	}
	return string(b)
}

// Head returns the beginning of a problem's page, from the table.
func (r Row) Head() string {
	definitive, lost := "`true`: nothing was applied", "absent: no hold is lost"
	if r.Unknown {
		definitive = "`false`: the request may or may not have been applied"
	}
	if r.Lost {
		lost = "`true`: the hold that the request names has ended or is being broken: stop its work"
	}
	return fmt.Sprintf("# %s\n\n**%s.** %s\n\n- status: %d %s\n- `definitive` is %s\n- `lost` is %s\n\n",
		r.Kind, r.Title, r.Detail, r.Status, http.StatusText(r.Status), definitive, lost)
}

// A group of problems needs the same reaction.
type group struct{ title, text string }

var (
	stopWork   = group{"Stop work", "The hold that the request names has ended or is being broken. Stop the work that it guards."}
	wait       = group{"Wait and retry", "The request is right. Repeat it later or at another node, with the same session. No hold is lost."}
	fixRequest = group{"Fix the request", "A repeat of the same request fails again. No hold is lost."}
)

// group returns the group of a problem.
func (r Row) group() group {
	switch {
	case r.Lost:
		return stopWork
	case r.Status >= http.StatusInternalServerError, r.Status == http.StatusTooManyRequests, r.Kind == Held, r.Kind == Delayed, r.Kind == NoCandidate:
		return wait
	}
	return fixRequest
}

// List returns a line for each problem, by what a caller should do.
func List() string {
	var b strings.Builder
	for _, g := range []group{stopWork, wait, fixRequest} {
		fmt.Fprintf(&b, "## %s\n\n%s\n\n", g.title, g.text)
		for _, r := range All {
			if r.group() == g {
				fmt.Fprintf(&b, "- [%s](%s%s): %d. %s.\n", r.Kind, Path, r.Kind, r.Status, r.Title)
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}
