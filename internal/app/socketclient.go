package app

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
)

// SocketClient returns a client whose requests all go to the admin socket of the node with a data directory. It returns
// an error if the socket cannot be opened.
func SocketClient(ctx context.Context, dataDir string) (*http.Client, error) {
	var d net.Dialer
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return d.DialContext(ctx, "unix", filepath.Join(dataDir, AdminSocket))
	}
	conn, err := dial(ctx, "", "")
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial}}, conn.Close()
}
