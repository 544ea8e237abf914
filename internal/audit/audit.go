// Package audit writes the audit log: who did what, as JSON lines. It keeps the newest records in memory.
package audit

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"
)

// Decisions of a Record.
const (
	Allow = "allow"
	Deny  = "deny"
)

// A Record is one line of the log. It has no field for a session, a token, a header, a body or meta, so that none of
// them can be written.
type Record struct {
	Time      time.Time `json:"time"`
	Seq       uint64    `json:"seq"` // of this process, from 1: a gap is a lost line
	Node      string    `json:"node"`
	RequestID string    `json:"request_id"`
	Principal string    `json:"principal,omitempty"`
	TokenID   string    `json:"token_id,omitempty"`
	Auth      string    `json:"auth"` // token, cert, jwt, socket or none
	Remote    string    `json:"remote"`
	Action    string    `json:"action"`
	Subject
	Decision string `json:"decision"`
	Status   int    `json:"status,omitempty"` // absent: the call begins
	Reason   string `json:"reason,omitempty"`
	Revision uint64 `json:"revision,omitempty"`
	Class
}

// A Class decides how long a record is kept in memory. It is not written.
type Class struct {
	Administrative bool `json:"-"` // the call is one of an operator or an administrator
	Renews         bool `json:"-"` // the call is a renewal: it is kept if it was refused
}

// A Subject is what a call is about.
type Subject struct {
	Names      []string `json:"names,omitempty"`  // of leases
	Target     string   `json:"target,omitempty"` // what a call of an administrator changes, without secrets
	LeaseToken uint64   `json:"lease_token,omitempty"`
}

// Config are the settings of a Log.
type Config struct {
	Path   string        // - for Stdout; empty: the records are kept in memory only
	Stdout io.Writer     // default os.Stdout
	Node   func() string // its name
}

// A Log is an open audit log. It is safe for concurrent use.
type Log struct {
	cfg Config

	mu  sync.Mutex // guards the rest
	out io.Writer
	seq uint64
	cut bool // the last line was written in part

	kept [classes]kept
}

// Open opens a log. The file, if any, is created with mode 0600 if it does not exist, and appended to.
func Open(cfg Config) (*Log, error) {
	if cfg.Node == nil {
		cfg.Node = func() string { return "" }
	}
	if cfg.Stdout == nil {
		cfg.Stdout = os.Stdout
	}
	l := &Log{cfg: cfg}
	return l, l.Reopen()
}

// InMemory returns a log without a file. node returns the name of this node.
func InMemory(node func() string) *Log { return &Log{cfg: Config{Node: node}} }

// Reopen opens the file again, after it was renamed. If that fails, the open file stays in use.
func (l *Log) Reopen() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch l.cfg.Path {
	case "":
		return nil
	case "-":
		l.out = l.cfg.Stdout
		return nil
	}
	f, err := os.OpenFile(l.cfg.Path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		return errors.Join(&fs.PathError{Op: "open", Path: l.cfg.Path, Err: errors.New("others can read it: chmod 600")}, f.Close())
	}
	if before, ok := l.out.(io.Closer); ok {
		_ = before.Close()
	}
	l.out = f
	return nil
}

// Write writes a record, with its time, number and node. A line that was written in part is ended
// before the next one. A record that cannot be written is in memory, too.
func (l *Log) Write(r Record) error {
	keep := !r.Renews || r.Decision == Deny
	if !keep && l.cfg.Path == "" {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seq++
	r.Time, r.Seq, r.Node = time.Now().UTC(), l.seq, l.cfg.Node()
	if keep {
		l.kept[classOf(&r)].add(r)
	}
	if l.out == nil {
		return nil
	}
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	if l.cut {
		line = append([]byte{'\n'}, line...)
	}
	written, err := l.out.Write(line)
	l.cut = err != nil && (written > 0 || l.cut)
	return err
}

// Durable reports whether records are written, and not in memory only.
func (l *Log) Durable() bool { return l.cfg.Path != "" }

// Close closes the file.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c, ok := l.out.(io.Closer); ok && l.cfg.Path != "-" {
		return c.Close()
	}
	return nil
}
