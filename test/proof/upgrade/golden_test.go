package upgrade

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockd/lockd/internal/app"
	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/test/harness/inprocess"
	"github.com/lockd/lockd/test/harness/nodes"
)

// golden returns the directory with the data directories of a version. Those of a released version are never made
// again: a change that cannot open them is wrong.
func golden(version int) string { return fmt.Sprintf("testdata/v%d", version) }

// eachVersion runs a test with the data directories of every version.
func eachVersion(t *testing.T, test func(t *testing.T, version int)) {
	for version := 1; version <= fsm.EntryVersion; version++ {
		t.Run(fmt.Sprint("v", version), func(t *testing.T) { test(t, version) })
	}
}

// found is the expected content of a data directory. It was read when the directory was made.
type found struct {
	Cluster  string                    `json:"cluster"`
	Revision int64                     `json:"revision"`
	Hash     string                    `json:"hash,omitempty"` // hash of the state of one node
	HTTP     string                    `json:"http"`           // advertised addresses
	Peer     string                    `json:"peer"`
	Left     float64                   `json:"left_ms"` // remaining time of the long hold
	Leases   map[string]map[string]any `json:"leases"`  // without values that change with time
	History  map[string]any            `json:"history"`
}

// TestGoldenDirectoriesOfOneNode opens a directory with a log only, and one with a snapshot and the log after it.
func TestGoldenDirectoriesOfOneNode(t *testing.T) { eachVersion(t, ofOneNode) }

func ofOneNode(t *testing.T, version int) {
	for _, name := range []string{"log", "snapshot"} {
		t.Run(name, func(t *testing.T) {
			dirs, want := open(t, version, name, 1)
			if name == "snapshot" != (snapshots(t, dirs[0]) > 0) {
				t.Errorf("it has %d snapshots", snapshots(t, dirs[0]))
			}
			// The node advertises its old addresses, so that opening the directory changes nothing.
			asItWas := func(cfg *app.Config) { cfg.HTTPAdvertise, cfg.PeerAdvertise = want.HTTP, want.Peer }
			s := serve(t, "a", dirs[0], asItWas)
			if version < fsm.EntryVersion {
				want.Hash = "" // the node records that it reads a newer version
			} else if hash, _ := s.App.Node().Hash(); hash != want.Hash {
				t.Errorf("the hash of the state is %s, want %s", hash, want.Hash)
			}
			same(t, s, want)
			newest := goesOn(t, s, want)
			s.Stop()
			stays(t, serve(t, "a", dirs[0], asItWas), newest)
		})
	}
}

// All three nodes have new addresses at once. They find one another by --join.
func TestGoldenDirectoriesOfThreeNodes(t *testing.T) { eachVersion(t, ofThreeNodes) }

func ofThreeNodes(t *testing.T, version int) {
	dirs, want := open(t, version, "three", 3)
	all := serveThree(t, dirs, nil)
	for _, s := range all {
		same(t, s, want)
	}
	newest := goesOn(t, all[0], want)
	for _, s := range all {
		s.Stop()
	}
	for _, s := range serveThree(t, dirs, nil) {
		stays(t, s, newest)
	}
}

func TestGoldenDirectoryAfterRecovery(t *testing.T) { eachVersion(t, thatWasRecovered) }

func thatWasRecovered(t *testing.T, version int) {
	dirs, want := open(t, version, "recovered", 1)
	s := serve(t, "a", dirs[0], nil)
	nodes.Eventually(t, "the cluster ID has changed", func() bool {
		id := s.Get("/v1/cluster").Text("cluster_id")
		return id != want.Cluster && id != ""
	})
	if r := s.Get("/v1/cluster").Number("revision"); r < want.Revision+math.MaxUint32 {
		t.Errorf("it continues at revision %d, after %d", r, want.Revision)
	}
	a := s.Post("/v1/leases/new/acquire", nodes.In{"holder": "x", "session": dave}).Want(t, 409)
	if !strings.Contains(a.Raw, "available_in_ms") {
		t.Errorf("an acquire during the quarantine: %s", a.Raw)
	}
	for _, name := range []string{"short", "long"} {
		s.Post("/v1/leases/"+name+"/renew", nodes.In{"session": alice, "token": want.Leases[name]["token"]}).Want(t, 200)
	}
}

// same compares the state of a node with the expected one. The clock of a cluster does not advance while it is down.
func same(t *testing.T, s *inprocess.Node, want found) {
	t.Helper()
	got := read(t, s)
	if got.Cluster != want.Cluster {
		t.Errorf("cluster %q, want %q", got.Cluster, want.Cluster)
	}
	if want.Hash != "" && got.Revision != want.Revision || got.Revision < want.Revision {
		t.Errorf("revision %d, want %d", got.Revision, want.Revision)
	}
	// The clock continues from the last entry, a moment before the expected state was read.
	if got.Left > want.Left+5_000 || got.Left < want.Left-60_000 {
		t.Errorf("the long hold has %v ms left, want about the %v of when the cluster was stopped", got.Left, want.Left)
	}
	if diff := cmp.Diff(want.Leases, got.Leases); diff != "" {
		t.Errorf("leases (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want.History, got.History); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
}

// goesOn writes to an opened directory, and returns the newest token.
func goesOn(t *testing.T, s *inprocess.Node, want found) (newest int64) {
	t.Helper()
	for _, name := range []string{"short", "long", "reclaimed", "asked"} {
		s.Post("/v1/leases/"+name+"/renew", nodes.In{"session": alice, "token": want.Leases[name]["token"]}).Want(t, 200)
	}
	s.Post("/v1/leases/broken/renew", nodes.In{"session": bob, "token": want.Leases["broken"]["token"]}).Want(t, 409)
	newest = s.Post("/v1/leases/new/acquire", nodes.In{"holder": "x", "session": dave, "ttl_ms": 3_600_000}).Want(t, 201).Number("token")
	if newest <= want.Revision {
		t.Errorf("token %d is not above revision %d", newest, want.Revision)
	}
	s.Post("/v1/leases/queue/release", nodes.In{"session": alice}).Want(t, 200)
	a := s.Get("/v1/leases/queue").Want(t, 200)
	if a.Text("holder") != "h-carol" || a.Number("token") <= newest || a.Number("queue_length") == 0 {
		t.Errorf("the first waiter did not get the lease: %s", a.Raw)
	}
	return newest
}

// stays checks that the writes are there.
func stays(t *testing.T, s *inprocess.Node, newest int64) {
	t.Helper()
	s.Post("/v1/leases/new/renew", nodes.In{"session": dave, "token": newest}).Want(t, 200)
	if a := s.Get("/v1/leases/queue").Want(t, 200); a.Text("holder") != "h-carol" {
		t.Errorf("after a restart: %s", a.Raw)
	}
	if a := s.Get("/v1/leases/freed").Want(t, 200); a.Number("transitions") != 3 {
		t.Errorf("a freed name: %s", a.Raw)
	}
}

// open unpacks a copy of golden directories, and returns it with the expected content.
func open(t *testing.T, version int, name string, count int) (dirs []string, f found) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(golden(version), name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &f); err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	if err := unpack(filepath.Join(golden(version), name+".tar.gz"), to); err != nil {
		t.Fatal(err)
	}
	for i := range count {
		dirs = append(dirs, filepath.Join(to, string(rune('0'+i))))
	}
	return dirs, f
}

func snapshots(t *testing.T, dir string) int {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "snapshots", "*[0-9]", "state.bin"))
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// read returns the state of a node without values that change with time.
func read(t *testing.T, s *inprocess.Node) found {
	t.Helper()
	c := s.Get("/v1/cluster").Want(t, 200)
	f := found{
		Cluster: c.Text("cluster_id"), HTTP: s.HTTP, Peer: s.Config.PeerAddr, Leases: make(map[string]map[string]any), History: make(map[string]any),
	}
	f.Hash, _ = s.App.Node().Hash()
	for _, name := range names {
		l := s.Get("/v1/leases/"+name).Want(t, 200).Body
		if name == "long" {
			f.Left = l["holders"].([]any)[0].(map[string]any)["free_in_ms"].(float64)
		}
		f.Revision = int64(l["revision"].(float64)) // of the leader: this node may be behind
		still(l)
		f.Leases[name] = l
		f.History[name] = s.Get("/v1/leases/"+name+"/history").Want(t, 200).Body["events"]
	}
	return f
}

// still removes values that change with time.
func still(v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, moves := range []string{"held_ms", "renewed_ms_ago", "free_in_ms", "available_in_ms", "waiting_ms", "within_ms", "revision"} {
			delete(v, moves)
		}
		for _, inner := range v {
			still(inner)
		}
	case []any:
		for _, inner := range v {
			still(inner)
		}
	}
}

// serve starts a node with a data directory, at new addresses.
func serve(t *testing.T, name, dir string, tune func(*app.Config)) *inprocess.Node {
	t.Helper()
	n := inprocess.NewCluster(t).Add(name, serving(dir, tune))
	n.Start()
	n.WaitReady()
	return n
}

// serveThree starts three nodes with data directories, at new addresses.
func serveThree(t *testing.T, dirs []string, tune func(*app.Config)) []*inprocess.Node {
	t.Helper()
	c := inprocess.NewCluster(t)
	for i, dir := range dirs {
		c.Add(string(rune('a'+i)), serving(dir, tune))
	}
	for _, n := range c.Nodes {
		n.Config.BootstrapExpect, n.Config.Join = len(dirs), c.Peers()
		n.Start()
	}
	c.WaitReady()
	return c.Nodes
}

// serving configures a node for an existing data directory.
func serving(dir string, tune func(*app.Config)) func(*app.Config) {
	return func(cfg *app.Config) {
		cfg.DataDir = dir
		if tune != nil {
			tune(cfg)
		}
	}
}
