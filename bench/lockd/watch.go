package lockd

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
)

// Watch watches one lease until ctx ends.
func (c *client) Watch(ctx context.Context, name string, held func(bool)) error {
	return c.stream(ctx, "name="+name, func(lines *bufio.Scanner) error { return events(lines, held) })
}

// stream opens a watch on a connection of its own and passes its lines to read. It returns nil if ctx has ended.
func (c *client) stream(ctx context.Context, query string, read func(lines *bufio.Scanner) error) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", c.address)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	req, err := http.NewRequest(http.MethodGet, "http://"+c.address+"/v1/watch?"+query, nil)
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
	err = read(bufio.NewScanner(resp.Body))
	if ctx.Err() != nil {
		return nil // the caller ended the watch
	}
	return err
}

// events calls held with the state at the beginning and after each change, until the stream ends.
func events(lines *bufio.Scanner, held func(bool)) error {
	kind := ""
	for lines.Scan() {
		if of, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			kind = of
			continue
		}
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		switch {
		case !ok:
		case kind == "acquired":
			held(true)
		case kind == "released" || kind == "expired":
			held(false)
		case kind == "state":
			held(strings.Contains(data, `"state":"held"`))
		}
	}
	return lines.Err()
}
