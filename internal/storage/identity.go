package storage

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/raft"

	"github.com/lockd/lockd/internal/fsm"
)

// Identity identifies a node. Name and incarnation are written once into the data
// directory. A node whose data was removed gets a new incarnation, and so is a new member
// and not a voter that has lost its vote.
type Identity struct {
	Name        string     `json:"name"`
	Incarnation string     `json:"incarnation"`
	Cluster     string     `json:"cluster,omitempty"` // the cluster that it belongs to, or has agreed to form or join
	Forming     []fsm.Node `json:"forming,omitempty"` // the initial members, if it has agreed to form a cluster
}

// ID returns the Raft server ID.
func (i Identity) ID() string { return i.Name + "." + i.Incarnation }

// NameIn returns the name of the node that has an ID.
func NameIn(id string) string { return id[:max(0, strings.LastIndexByte(id, '.'))] }

const identityFile = "node.json"

// identityOnDisk is the file: the identity with a checksum.
type identityOnDisk struct {
	Format   int             `json:"format"`
	Identity json.RawMessage `json:"identity"`
	CRC32C   uint32          `json:"crc32c"`
}

// encode returns the file as it is written.
func (d identityOnDisk) encode() ([]byte, error) {
	out, err := json.MarshalIndent(d, "", "  ")
	return append(out, '\n'), err
}

// LoadIdentity reads the identity. If the directory has no data, it creates one with the
// name, or with the host's name if that is empty.
func (s *Store) LoadIdentity(name string) (Identity, error) {
	path := filepath.Join(s.dir, identityFile)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s.newIdentity(name)
	}
	if err != nil {
		return Identity{}, reachable(path, err)
	}
	id, err := parseIdentity(path, raw)
	if err != nil {
		return Identity{}, err
	}
	if name != "" && name != id.Name {
		return Identity{}, fmt.Errorf(
			"%s belongs to the node %q, but --node-id is %q: pass another --data-dir, or leave --node-id out",
			s.dir, id.Name, name)
	}
	return id, nil
}

// parseIdentity returns the identity in a file, and an error unless the file is exactly as
// it was written.
func parseIdentity(path string, raw []byte) (Identity, error) {
	var disk identityOnDisk
	var id Identity
	if err := json.Unmarshal(raw, &disk); err != nil {
		return Identity{}, damaged(path, err)
	}
	if disk.Format < 1 {
		return Identity{}, damaged(path, errors.New("it has no format"))
	}
	if disk.Format > formats[Segments] {
		return Identity{}, fmt.Errorf("%s: %w", path, fsm.ErrTooNew)
	}
	if crc32.Checksum(compact(disk.Identity), castagnoli) != disk.CRC32C {
		return Identity{}, damaged(path, errors.New("its checksum does not match"))
	}
	if err := json.Unmarshal(disk.Identity, &id); err != nil {
		return Identity{}, damaged(path, err)
	}
	if written, err := disk.encode(); err != nil || !bytes.Equal(written, raw) {
		return Identity{}, damaged(path, errors.New("it is not as it was written"))
	}
	return id, nil
}

func (s *Store) newIdentity(name string) (Identity, error) {
	used, err := raft.HasExistingState(s.Log, s.Stable, s.Snapshots)
	if err != nil {
		return Identity{}, unusable(filepath.Join(s.dir, boltFile), err)
	}
	if used {
		return Identity{}, damaged(filepath.Join(s.dir, identityFile), errors.New("it is missing, and there is a log"))
	}
	if name == "" {
		if name, err = hostName(os.Hostname); err != nil {
			return Identity{}, err
		}
	}
	id := Identity{Name: name, Incarnation: newIncarnation()}
	return id, s.SaveIdentity(id)
}

// SaveIdentity replaces the file as a whole, and returns when it is on disk.
func (s *Store) SaveIdentity(id Identity) error {
	return reachable(filepath.Join(s.dir, identityFile), writeIdentity(s.dir, id, formats[s.kept]))
}

func writeIdentity(dir string, id Identity, format int) error {
	raw, err := json.Marshal(id)
	if err != nil {
		return err
	}
	out, err := identityOnDisk{format, raw, crc32.Checksum(raw, castagnoli)}.encode()
	if err != nil {
		return err
	}
	path := filepath.Join(dir, identityFile)
	f, err := os.CreateTemp(dir, temporaryIdentity)
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(out)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// temporaryIdentity is the pattern of an identity that is being written.
const temporaryIdentity = identityFile + ".*"

// removeTemporary removes identities that an earlier process did not finish.
func removeTemporary(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, temporaryIdentity))
	for _, path := range left {
		err = errors.Join(err, removeIfThere(path))
	}
	return err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// damaged returns the error for a file whose content is wrong, with the remedy.
func damaged(path string, err error) error {
	return fmt.Errorf("%s is damaged (%w); lockd does not start with damaged data: "+
		"move the data directory away and start the node empty with --join, so that it returns as a new member, "+
		"or, if it is the only node, put a good copy of the whole directory there and run lockd recover on it "+
		"before it starts, so that no token is given twice", path, err)
}

func newIncarnation() string {
	var b [4]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

func compact(raw []byte) []byte {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return nil
	}
	return b.Bytes()
}
