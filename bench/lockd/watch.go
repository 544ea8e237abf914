package lockd

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
)

// Watch reads a stream of events on a connection of its own.
func (c *client) Watch(ctx context.Context, name string, held func(bool)) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", c.address)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	req, err := http.NewRequest(http.MethodGet, "http://"+c.address+"/v1/watch?name="+name, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "text/event-stream")
	if err := req.Write(conn); err != nil {
		return err
	}
	resp, err := http.ReadResponse(bufio.NewReaderSize(conn, 1<<10), req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("watch: %s", resp.Status)
	}
	err = events(bufio.NewScanner(resp.Body), held)
	if ctx.Err() != nil {
		return nil // it was to end
	}
	return err
}

// events tells of changes until the stream ends. A lease that nobody ever held has
// no state to begin with: synced says that there is none.
func events(lines *bufio.Scanner, held func(bool)) error {
	state := false
	for lines.Scan() {
		kind, ok := strings.CutPrefix(lines.Text(), "event: ")
		switch {
		case !ok:
		case kind == "acquired":
			held(true)
		case kind == "released" || kind == "expired":
			held(false)
		case kind == "state":
			state = true
			held(true)
		case kind == "synced" && !state:
			held(false)
		}
	}
	return lines.Err()
}
