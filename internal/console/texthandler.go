package console

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// textHandler is a slog.Handler for people: one line for a record, with the time of day, the level, the message and
// KEY=VALUE pairs. Keys, values and messages cannot control the terminal.
type textHandler struct {
	to     io.Writer // each record is one Write
	level  slog.Leveler
	style  Style
	attrs  string // of WithAttrs, formatted
	prefix string // of the keys: groups, each with a dot
}

func newTextHandler(to io.Writer, level slog.Leveler, style Style) *textHandler {
	return &textHandler{to: to, level: level, style: style}
}

// Enabled implements slog.Handler.
func (h *textHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level.Level() }

// Handle implements slog.Handler.
func (h *textHandler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	if !r.Time.IsZero() {
		b.WriteString(h.style.Paint(Dim, r.Time.Format("15:04:05.000")+" "))
	}
	b.WriteString(h.style.Paint(levelColor(r.Level), fmt.Sprintf("%-5s", r.Level)))
	b.WriteString(" " + Plain(r.Message) + h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		h.attr(&b, h.prefix, a)
		return true
	})
	b.WriteByte('\n')
	_, err := io.WriteString(h.to, b.String())
	return err
}

// WithAttrs implements slog.Handler.
func (h *textHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	var b strings.Builder
	for _, a := range attrs {
		h.attr(&b, h.prefix, a)
	}
	with := *h
	with.attrs += b.String()
	return &with
}

// WithGroup implements slog.Handler.
func (h *textHandler) WithGroup(name string) slog.Handler {
	with := *h
	if name != "" {
		with.prefix += name + "."
	}
	return &with
}

func (h *textHandler) attr(b *strings.Builder, prefix string, a slog.Attr) {
	v := a.Value.Resolve()
	switch {
	case a.Equal(slog.Attr{}):
		return
	case v.Kind() == slog.KindGroup:
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, member := range v.Group() {
			h.attr(b, prefix, member)
		}
		return
	}
	b.WriteString(h.style.Paint(Dim, " "+Plain(prefix+a.Key)+"="))
	b.WriteString(quoted(valueText(v)))
}

func valueText(v slog.Value) string {
	if v.Kind() == slog.KindTime {
		return v.Time().Format(time.RFC3339)
	}
	return v.String()
}

// quoted returns a value as one word. A quoted value has no character that is not printable.
func quoted(s string) string {
	for _, r := range s {
		if r == ' ' || r == '"' || r == '=' || r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return strconv.Quote(s)
		}
	}
	if s == "" {
		return `""`
	}
	return s
}

func levelColor(l slog.Level) Color {
	switch {
	case l >= slog.LevelError:
		return Red
	case l >= slog.LevelWarn:
		return Yellow
	case l >= slog.LevelInfo:
		return Green
	}
	return Dim
}
