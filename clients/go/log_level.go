package lockd

import (
	"context"
	"net/http"
	"time"
)

// LogLevel is the lowest level that a node logs: debug, info, warn or error.
type LogLevel struct {
	Node   string  `json:"node"`
	Level  string  `json:"level"`
	Then   string  `json:"then,omitempty"`       // the level after EndsIn
	EndsIn *Millis `json:"ends_in_ms,omitempty"` // nil: the level stays
}

// LogLevel returns the log level of the node that answers. Use a client with one address.
func (c *Client) LogLevel(ctx context.Context) (*LogLevel, error) {
	l := new(LogLevel)
	return orNil(l, c.get(ctx, "/v1/log-level", nil, l, nil))
}

// SetLogLevel changes the log level of the node that answers, for a duration or, with 0, until the node restarts. Use a
// client with one address.
func (c *Client) SetLogLevel(ctx context.Context, level string, duration time.Duration) (*LogLevel, error) {
	l := new(LogLevel)
	body := struct {
		Level string `json:"level"`
		ForMS int64  `json:"for_ms,omitempty"`
	}{level, duration.Milliseconds()}
	return orNil(l, c.change(ctx, call{method: http.MethodPut, path: "/v1/log-level", body: body, out: l, repeatable: true}))
}
