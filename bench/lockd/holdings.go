package lockd

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// alone is the session that holds one name only, as long as one that a client makes.
func alone(name string) string {
	sum := sha256.Sum256([]byte(name))
	const size = 16
	return hex.EncodeToString(sum[:size])
}

// TakeAlone takes a lease by a session that holds nothing else.
func (c *client) TakeAlone(ctx context.Context, name string, ttl time.Duration) error {
	body := fmt.Sprintf(`{"holder":"bench","session":%q,"ttl_ms":%d}`, alone(name), ttl.Milliseconds())
	return c.Post(ctx, path(name, "acquire"), []byte(body))
}

// KeepAlone gives it another TTL.
func (c *client) KeepAlone(ctx context.Context, name string, ttl time.Duration) error {
	body := fmt.Sprintf(`{"session":%q,"ttl_ms":%d}`, alone(name), ttl.Milliseconds())
	return c.Post(ctx, path(name, "renew"), []byte(body))
}

// Expired watches from now on.
func (c *client) Expired(ctx context.Context, prefix string, ready func(), expired func(name string)) error {
	body, err := c.Body(ctx, "/v1/cluster")
	if err != nil {
		return err
	}
	var now struct{ Revision uint64 }
	if err := json.Unmarshal(body, &now); err != nil {
		return err
	}
	return c.stream(ctx, fmt.Sprintf("prefix=%s&after=%d", prefix, now.Revision), func(lines *bufio.Scanner) error {
		ready()
		ended := false
		for lines.Scan() {
			line := lines.Text()
			switch data, ok := strings.CutPrefix(line, "data: "); {
			case strings.HasPrefix(line, "event: gone"):
				return fmt.Errorf("more ended than the node keeps: %s", line)
			case strings.HasPrefix(line, "event: "):
				ended = line == "event: expired"
			case ok && ended:
				var e struct{ Name string }
				if err := json.Unmarshal([]byte(data), &e); err != nil {
					return err
				}
				expired(e.Name)
			}
		}
		return lines.Err()
	})
}
