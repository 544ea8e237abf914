package api

import (
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/lockd/lockd/internal/api/form"
	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/loglevel"
)

// Bounds of a temporary change of the log level.
const (
	minLogLevelTime fsm.Millis = 1_000
	maxLogLevelTime fsm.Millis = 86_400_000
)

// logLevelBody shows the log level of a node.
type logLevelBody struct {
	Node     string `json:"node"`
	Level    string `json:"level"`
	Then     string `json:"then,omitempty"`
	EndsInMS *int64 `json:"ends_in_ms,omitempty"`
}

func getLogLevel(c *call) {
	s := c.s.cfg.LogLevel.State()
	b := logLevelBody{Node: c.s.cfg.Cluster.Here().Node, Level: loglevel.Name(s.Level)}
	if !s.Until.IsZero() {
		left := max(0, time.Until(s.Until).Milliseconds())
		b.Then, b.EndsInMS = loglevel.Name(s.Then), &left
	}
	c.json(http.StatusOK, 0, b)
}

const logLevelChanged = "the log level is changed by an operator"

// setLogLevel changes the level of this node only. A change to a quieter level is logged before it has an effect.
func setLogLevel(c *call) {
	var level slog.Level
	var name string
	var duration fsm.Millis
	if !c.decode(form.Members{Required: []string{"level"}, Optional: []string{"for_ms"}}, func(d *form.Decoder, field string) bool {
		switch field {
		case "level":
			name = d.Text(field)
			var err error
			if level, err = loglevel.Parse(name); err != nil {
				d.Wrong(field, "must be one of "+strings.Join(loglevel.Names, ", "))
			}
		case "for_ms":
			duration = d.Millis(field, minLogLevelTime, maxLogLevelTime)
		default:
			return false
		}
		return true
	}) {
		return
	}
	c.caller.target = name
	quieter := level > c.s.cfg.LogLevel.Level()
	if quieter {
		c.record(logLevelChanged, true, "level", name, "for_ms", duration)
	}
	c.s.cfg.LogLevel.Set(level, time.Duration(duration)*time.Millisecond)
	if !quieter {
		c.record(logLevelChanged, true, "level", name, "for_ms", duration)
	}
	getLogLevel(c)
}
