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

// sessionOf returns the session that holds only this name. It has the length of a client's session.
func sessionOf(name string) string {
	sum := sha256.Sum256([]byte(name))
	const size = 16
	return hex.EncodeToString(sum[:size])
}

// AcquireAlone acquires a lease with a session that holds nothing else.
func (c *client) AcquireAlone(ctx context.Context, name string, ttl time.Duration) error {
	body := fmt.Sprintf(`{"holder":"bench","session":%q,"ttl_ms":%d}`, sessionOf(name), ttl.Milliseconds())
	return c.Post(ctx, path(name, "acquire"), []byte(body))
}

// RenewAlone renews a lease of AcquireAlone with another TTL.
func (c *client) RenewAlone(ctx context.Context, name string, ttl time.Duration) error {
	body := fmt.Sprintf(`{"session":%q,"ttl_ms":%d}`, sessionOf(name), ttl.Milliseconds())
	return c.Post(ctx, path(name, "renew"), []byte(body))
}

// Expired calls expired for each hold below prefix that expires. It calls ready when the watch has begun, and returns
// when ctx ends.
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
				return fmt.Errorf("more holds ended than the node's history keeps: %s", line)
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
