package cluster

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hashicorp/raft"

	"github.com/lockd/lockd/internal/fsm"
)

// identity is who a node is. It is written once into the data directory, and
// its incarnation is what makes a wiped node a new member instead of a voter
// that forgot its vote.
type identity struct {
	Name        string     `json:"name"`
	Incarnation string     `json:"incarnation"`
	Cluster     string     `json:"cluster,omitempty"` // the cluster that it belongs to, or has promised itself to
	Forming     []fsm.Node `json:"forming,omitempty"` // the list that it has promised to form a cluster with
}

// id returns the Raft server ID.
func (i identity) id() string { return i.Name + "." + i.Incarnation }

const identityFile = "node.json"

// identityOnDisk guards the identity with a checksum: a wrong name or cluster
// must never be believed.
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

// loadIdentity reads the data directory's identity, or, where the stores have no
// state yet, makes one with the name.
func loadIdentity(dir, name string, s *stores) (identity, error) {
	path := filepath.Join(dir, identityFile)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return newIdentity(dir, name, s)
	}
	if err != nil {
		return identity{}, reachable(path, err)
	}
	id, err := parseIdentity(path, raw)
	if err != nil {
		return identity{}, err
	}
	if name != "" && name != id.Name {
		return identity{}, fmt.Errorf(
			"%s belongs to the node %q, but --node-id says %q: name another --data-dir, or leave --node-id out",
			dir, id.Name, name)
	}
	return id, nil
}

// parseIdentity believes nothing that the checksum does not vouch for.
func parseIdentity(path string, raw []byte) (identity, error) {
	var disk identityOnDisk
	var id identity
	if err := json.Unmarshal(raw, &disk); err != nil {
		return identity{}, damaged(path, err)
	}
	if disk.Format < 1 {
		return identity{}, damaged(path, errors.New("it has no format"))
	}
	if disk.Format > 1 {
		return identity{}, fmt.Errorf("%s: %w", path, fsm.ErrTooNew)
	}
	if crc32.Checksum(compact(disk.Identity), castagnoli) != disk.CRC32C {
		return identity{}, damaged(path, errors.New("its checksum does not match"))
	}
	if err := json.Unmarshal(disk.Identity, &id); err != nil {
		return identity{}, damaged(path, err)
	}
	if written, err := disk.encode(); err != nil || !bytes.Equal(written, raw) {
		return identity{}, damaged(path, errors.New("it is not as it was written"))
	}
	return id, nil
}

func newIdentity(dir, name string, s *stores) (identity, error) {
	used, err := raft.HasExistingState(s.log, s.stable, s.snapshots)
	if err != nil {
		return identity{}, unusable(filepath.Join(dir, logFile), err)
	}
	if used {
		return identity{}, damaged(filepath.Join(dir, identityFile), errors.New("it is missing beside a log"))
	}
	if name == "" {
		if name, err = hostName(os.Hostname); err != nil {
			return identity{}, err
		}
	}
	id := identity{Name: name, Incarnation: randomHex(4)}
	return id, saveIdentity(dir, id)
}

// saveIdentity replaces the file as a whole, and returns when it is on disk.
func saveIdentity(dir string, id identity) error {
	return reachable(filepath.Join(dir, identityFile), writeIdentity(dir, id))
}

func writeIdentity(dir string, id identity) error {
	raw, err := json.Marshal(id)
	if err != nil {
		return err
	}
	out, err := identityOnDisk{1, raw, crc32.Checksum(raw, castagnoli)}.encode()
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

// damaged says which file cannot be trusted, and what to do.
func damaged(path string, err error) error {
	return fmt.Errorf("%s is damaged (%w); lockd does not start with data it cannot trust: "+
		"move the data directory away and start the node empty with --join, so that it comes back as a new member, "+
		"or, where it is the only node, put a good copy of the whole directory there and run lockd recover on it "+
		"before it starts, so that no token is given twice", path, err)
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b)
	return hex.EncodeToString(b)
}

func randomUint64() uint64 {
	var b [8]byte
	rand.Read(b[:])
	return binary.LittleEndian.Uint64(b[:])
}
