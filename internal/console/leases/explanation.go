package leases

import (
	"fmt"
	"io"
	"strings"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console"
)

// PrintExplanation writes why a lease is not free, as paragraphs for people.
func PrintExplanation(to io.Writer, e *lockd.Explanation, style console.Style) error {
	p := printer{to: to, style: style}
	p.line("%s (%s): %s", style.Paint(console.Bold, console.Plain(e.Name)), style.Paint(console.ColorOf(e.State), e.State), console.Plain(e.Summary))
	if len(e.Blocking) > 1 {
		list(&p, "Blocked by", e.Blocking, func(b lockd.Blocking) string { return b.Detail })
		if more := e.Blocks - len(e.Blocking); more > 0 {
			p.line("- and %d more", more)
		}
	}
	if s := e.Session; s != nil && len(s.Before) > 0 {
		list(&p, "Before your session", s.Before, func(w lockd.Waiter) string { return w.Holder })
	}
	if e.LastEnd != nil {
		p.line("\nThe last hold: %s", console.Plain(e.LastEnd.Detail))
	}
	list(&p, "What would free it sooner", e.Sooner, func(s lockd.FreeingStep) string {
		if s.Command == "" {
			return s.Detail
		}
		return s.Detail + "\n      " + s.Command
	})
	return p.err
}

// printer keeps the first error of its writes.
type printer struct {
	to    io.Writer
	style console.Style
	err   error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.to, format+"\n", args...)
	}
}

// list writes a heading and a paragraph for each element, if there are any.
func list[T any](p *printer, heading string, all []T, text func(T) string) {
	if len(all) == 0 {
		return
	}
	p.line("\n%s", p.style.Paint(console.Bold, heading+":"))
	for _, one := range all {
		for i, line := range strings.Split(text(one), "\n") {
			if i == 0 {
				line = "- " + line
			}
			p.line("%s", console.Plain(line))
		}
	}
}
