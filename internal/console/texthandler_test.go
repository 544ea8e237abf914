package console

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/slogtest"
	"time"
)

func logged(color bool, level slog.Level, log func(*slog.Logger)) string {
	var out strings.Builder
	log(slog.New(newTextHandler(&out, level, Style{colored: color})))
	_, rest, _ := strings.Cut(out.String(), " ") // without the time
	return rest
}

func TestALineHasLevelMessageAndPairs(t *testing.T) {
	for want, log := range map[string]func(*slog.Logger){
		"INFO  request route=/v1/leases/{name} took_ms=1.5 err=\"no space\" empty=\"\"\n": func(l *slog.Logger) {
			l.Info("request", "route", "/v1/leases/{name}", "took_ms", 1.5, "err", errors.New("no space"), "empty", "")
		},
		"WARN  late node=a raft.peer=b raft.at.index=7 raft.for=2s\n": func(l *slog.Logger) {
			l.With("node", "a").WithGroup("raft").With("peer", "b").Warn("late", slog.Group("at", "index", 7), "for", 2*time.Second)
		},
		"": func(l *slog.Logger) { l.Debug("not enabled") },
	} {
		if got := logged(false, slog.LevelInfo, log); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

// Clients choose names, holders and reasons.
func TestValuesDoNotControlTheTerminal(t *testing.T) {
	for _, bad := range []string{"\x1b[2J", "a\nERROR forged", "a\u202eb", "\u2028", "\x9b31m", "\xff", "\u009b1m", "a\rb"} {
		got := logged(true, slog.LevelInfo, func(l *slog.Logger) { l.With(bad, bad).Info(bad, bad, bad, "any", struct{ S string }{bad}) })
		for _, color := range []string{"\x1b[2m", "\x1b[32m", "\x1b[0m"} {
			got = strings.ReplaceAll(got, color, "")
		}
		if got = strings.TrimSuffix(got, "\n"); strings.ContainsFunc(got, controls) || strings.ToValidUTF8(got, "") != got {
			t.Errorf("%q is written as %q", bad, got)
		}
	}
}

func TestColorsAreOnlyWithoutNoColorAndDumbTerminals(t *testing.T) {
	for _, c := range []struct {
		noColor, term string
		want          bool
	}{{"", "xterm-256color", true}, {"1", "xterm-256color", false}, {"", "dumb", false}} {
		t.Setenv("NO_COLOR", c.noColor)
		t.Setenv("TERM", c.term)
		if wantsColors() != c.want {
			t.Errorf("%+v: %v", c, wantsColors())
		}
	}
	log := func(l *slog.Logger) { l.Error("x", "k", 1) }
	if got := logged(false, slog.LevelInfo, log); strings.Contains(got, "\x1b") {
		t.Errorf("without colors: %q", got)
	}
	if got := logged(true, slog.LevelInfo, log); !strings.Contains(got, "\x1b[31mERROR\x1b[0m") {
		t.Errorf("with colors: %q", got)
	}
}

// The package slogtest knows the rules of handlers for groups and attributes.
func TestHandlerFollowsTheRulesOfSlog(t *testing.T) {
	var out strings.Builder
	err := slogtest.TestHandler(newTextHandler(&out, slog.LevelInfo, Style{}), func() (results []map[string]any) {
		for l := range strings.Lines(out.String()) {
			results = append(results, parsed(l))
		}
		return results
	})
	if err != nil {
		t.Error(err)
	}
}

// parsed returns the values of a line by key, with groups as maps.
func parsed(line string) map[string]any {
	found := make(map[string]any)
	words := strings.Fields(line)
	if strings.Contains(words[0], ":") {
		found[slog.TimeKey], words = words[0], words[1:]
	}
	found[slog.LevelKey], found[slog.MessageKey] = words[0], words[1]
	for _, w := range words[2:] {
		key, value, _ := strings.Cut(w, "=")
		at, parts := found, strings.Split(key, ".")
		for _, group := range parts[:len(parts)-1] {
			if at[group] == nil {
				at[group] = make(map[string]any)
			}
			at = at[group].(map[string]any)
		}
		at[parts[len(parts)-1]] = value
	}
	return found
}
