package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/audit"
	"github.com/lockd/lockd/internal/auth/jwt"
	"github.com/lockd/lockd/internal/fsm"
)

// AdminSocket is the name of the admin socket in the data directory. Whoever can open it has every right: it can read
// the data anyway.
const AdminSocket = "admin.sock"

// maxSocketPath is the length of the path of a Unix socket that every system allows.
const maxSocketPath = 100

// listenAdmin listens on the admin socket. If that is impossible, it logs the reason and returns nil: clients do not need
// the socket.
func (c *Config) listenAdmin() net.Listener {
	path := filepath.Join(c.DataDir, AdminSocket)
	l, err := c.Listen("unix", path)
	if err != nil {
		c.Log.Error("there is no admin socket", "path", path, "err", err)
		return nil
	}
	return l
}

// listen listens on a network as net.Listen does, and for this user alone if that is "unix".
func listen(network, address string) (net.Listener, error) {
	if network == "unix" {
		return listenUnix(address)
	}
	return net.Listen(network, address)
}

// listenUnix listens on a socket of this user. The data directory is locked already, so that a socket in it is left over.
func listenUnix(path string) (net.Listener, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("its path has %d bytes, and a Unix socket at most %d: use a shorter --data-dir", len(path), maxSocketPath)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// openAudit opens the audit log, which is in memory only if there is no file.
func (c *Config) openAudit(node func() string) (*audit.Log, error) {
	l, err := audit.Open(audit.Config{Path: c.AuditLog, Node: node})
	if err != nil {
		return nil, fmt.Errorf("--audit-log: %w", err)
	}
	return l, nil
}

// maxJWTConfig bounds the settings for JSON Web Tokens, in bytes.
const maxJWTConfig = 64 << 10

// openJWT reads the settings for JSON Web Tokens and the keys of their issuer. It returns nil if there are none.
func (c *Config) openJWT() (*jwt.Verifier, error) {
	if c.JWTConfig == "" {
		return nil, nil
	}
	raw, err := readSmall(c.JWTConfig, maxJWTConfig)
	if err != nil {
		return nil, fmt.Errorf("--jwt-config: %w", err)
	}
	s, err := jwt.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("--jwt-config %s: %w", c.JWTConfig, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*jwtTimeout)
	defer cancel()
	v, err := jwt.New(ctx, jwt.Config{Settings: s, Log: c.Log})
	if err != nil {
		return nil, fmt.Errorf("--jwt-config %s: %w", c.JWTConfig, err)
	}
	return v, nil
}

// jwtTimeout is half of how long the start waits for the keys of an issuer.
const jwtTimeout = 5 * time.Second

// readSmall reads a file of at most so many bytes.
func readSmall(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > most {
		return nil, fmt.Errorf("%s has %d bytes, and the limit is %d", path, info.Size(), most)
	}
	return os.ReadFile(path)
}

// maxTokenFile bounds a file with a token, in bytes.
const maxTokenFile = 1 << 10

// firstPrincipal is the name of the principal of the bootstrap token.
const firstPrincipal = "admin"

// readBootstrapToken reads the token that a new cluster begins with. It returns nil if there is none.
func (c *Config) readBootstrapToken() (*access.Token, error) {
	if c.BootstrapTokenFile == "" {
		return nil, nil
	}
	raw, err := readSmall(c.BootstrapTokenFile, maxTokenFile)
	if err != nil {
		return nil, fmt.Errorf("--bootstrap-token-file: %w", err)
	}
	t, err := access.ParseToken(strings.TrimSpace(string(raw)))
	if err != nil {
		return nil, fmt.Errorf("--bootstrap-token-file %s: %w; lockd token generate makes one", c.BootstrapTokenFile, err)
	}
	return &t, nil
}

const (
	bootstrapPause   = 250 * time.Millisecond // how often a node tries to add the bootstrap token
	bootstrapTimeout = 5 * time.Second        // of one attempt
)

// addBootstrapToken adds the bootstrap token, unless the cluster has or had a principal. It returns when that is certain, or
// when ctx ends.
func (a *App) addBootstrapToken(ctx context.Context, t *access.Token) {
	cmd := &fsm.ChangeAccess{Change: access.Change{Kind: access.FirstToken, Token: access.Record{
		ID: t.ID, Hash: t.Hash(), Principal: firstPrincipal, Created: time.Now().UnixMilli(),
	}}}
	cmd.Caller.Local = true
	ticker := time.NewTicker(bootstrapPause)
	defer ticker.Stop()
	for {
		attempt, cancel := context.WithTimeout(ctx, bootstrapTimeout)
		r, err := a.node.Do(attempt, cmd)
		cancel()
		switch {
		case err == nil && r.Code.OK():
			a.cfg.Log.Info("the bootstrap token is valid", "principal", firstPrincipal, "token_id", t.ID)
			return
		case err == nil:
			a.cfg.Log.Info("the bootstrap token was not added", "reason", r.Outcome.String(), "token_id", t.ID)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
