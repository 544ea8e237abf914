package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"syscall"
)

// SocketClient returns a client whose requests all go to the admin socket of the node with a data directory. It returns
// an error, which says what to do, if the socket cannot be opened.
func SocketClient(ctx context.Context, dataDir string) (*http.Client, error) {
	var d net.Dialer
	path := filepath.Join(dataDir, AdminSocket)
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return d.DialContext(ctx, "unix", path) }
	conn, err := dial(ctx, "", "")
	if err != nil {
		return nil, socketError(path, err)
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial}}, conn.Close()
}

func socketError(path string, err error) error {
	advice := "run this on a node, as its user and with its --data-dir"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		advice = "is the node running, and is this its --data-dir? Run this on a node"
	case errors.Is(err, syscall.ECONNREFUSED):
		advice = "start the node: it is not running"
	case errors.Is(err, fs.ErrPermission):
		advice = "run this as the user of the node"
	}
	var at *net.OpError
	if errors.As(err, &at) {
		err = at.Err // the path is in the error below
	}
	return fmt.Errorf("open the admin socket %q: %w; %s", path, err, advice)
}
