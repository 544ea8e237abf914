package api_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/lockd/lockd/internal/api"
	"github.com/lockd/lockd/internal/loglevel"
)

func TestLogLevelChangesWithWhoDidIt(t *testing.T) {
	var log lines
	level := loglevel.New(slog.LevelInfo)
	w := newWorld(t, func(c *api.Config) {
		c.LogLevel, c.Logger = level, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: level}))
	})
	put := func(body string) *answer { return w.send("PUT", "/v1/log-level", body, "Authorization", w.admin()) }
	put(`{"level":"debug","for_ms":60000}`).want(200).is("level", "debug", "then", "info")
	w.send("GET", "/v1/log-level", "", "Authorization", w.admin()).want(200).is("level", "debug", "then", "info")
	if level.Level() != slog.LevelDebug || !strings.Contains(log.String(), `msg="the log level is changed by an operator" level=debug for_ms=60000 by=ops`) {
		t.Errorf("the level is %v, and the log: %s", level.Level(), log.String())
	}
	put(`{"level":"warn"}`).want(200).is("level", "warn", "then", "", "ends_in_ms", "")
	for body, field := range map[string]string{
		`{"level":"loud"}`: "level", `{"level":"INFO"}`: "level", `{}`: "level", `{"level":"info","for_ms":999}`: "for_ms",
		`{"level":"info","for_ms":86400001}`: "for_ms", `{"level":"info","until":1}`: "until",
	} {
		put(body).want(400, "invalid").is("errors.0.field", field)
	}
	if level.Level() != slog.LevelWarn {
		t.Errorf("a refused change had an effect: %v", level.Level())
	}
}
