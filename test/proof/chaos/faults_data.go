package chaos

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func dataKinds() []kind {
	one := []string{theLeader, aFollower}
	return []kind{
		{name: "damage", area: onProcess, targets: one, amounts: []int{flipLog, cutLog, flipSnapshot, flipIdentity}, make: newDamage},
		{name: "lag", area: onProcess, targets: []string{aFollower}, shortest: 3 * time.Second, longest: 8 * time.Second, make: newLag},
	}
}

// What is damaged: the amounts of a damage.
const (
	flipLog      = 1 + iota // a bit of each page of the log that holds data
	cutLog                  // the log's second half is gone
	flipSnapshot            // a bit of the newest snapshot
	flipIdentity            // a bit of who the node is
)

// A damage changes what a node that does not run has on its disk. The node must not
// start, and is then replaced; without a snapshot it starts if its log replaces it.
type damage struct {
	w        *world
	node     *node
	what     int
	random   *rand.Rand
	file     string
	code     int
	said     string
	skipped  bool // it started without the damaged snapshot
	replaced bool
}

func newDamage(w *world, v victims, s Step) fault {
	return &damage{w: w, node: v.one(), what: s.Amount, random: rand.New(rand.NewPCG(uint64(s.Amount), uint64(w.now())))}
}

func (d *damage) inject() error {
	if err := d.node.kill(); err != nil {
		return err
	}
	if err := d.harm(); err != nil {
		return err
	}
	position := d.node.log.position()
	if err := d.node.start(); err != nil {
		return err
	}
	d.node.expectEnd()
	p := d.node.life()
	if p == nil {
		return nil
	}
	if d.what == flipSnapshot && d.goesOn(p, position) {
		d.node.expectNoEnd()
		return nil
	}
	var err error
	d.code, err = p.wait(d.node.name, endPatience)
	d.said = d.node.log.heard(position, "is damaged")
	return err
}

// goesOn waits until the node has ended or has reported that it starts without the
// snapshot, which it may if the log continues an older state.
func (d *damage) goesOn(p *process, position int) bool {
	for end := time.Now().Add(endPatience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if d.skipped = strings.Contains(d.node.log.since(position), "a damaged snapshot is not used"); d.skipped {
			return true
		}
		select {
		case <-p.ended:
			return false
		default:
		}
	}
	return false
}

// harm does the damage.
func (d *damage) harm() error {
	log, identity := filepath.Join(d.node.data(), "raft.db"), filepath.Join(d.node.data(), "node.json")
	switch d.what {
	case cutLog:
		d.file = log
		info, err := os.Stat(log)
		if err != nil {
			return err
		}
		return os.Truncate(log, info.Size()/2)
	case flipSnapshot:
		newest, err := d.node.newestSnapshot()
		if err != nil {
			return err
		}
		if newest != "" {
			d.file = newest
			return d.flip(d.file, 0, 1)
		}
	case flipIdentity:
		d.file = identity
		return d.flip(identity, 0, 1)
	}
	d.file = log
	return d.flip(log, logHeader, pageBytes)
}

const (
	pageBytes = 4096
	// logHeader is the two copies of the log's own head, of which one is enough.
	logHeader = 2 * pageBytes
)

// newestSnapshot returns the file of a node's newest snapshot, or "" where there is none.
func (n *node) newestSnapshot() (string, error) {
	found, err := filepath.Glob(filepath.Join(n.data(), "snapshots", "*", "state.bin"))
	if err != nil || len(found) == 0 {
		return "", err
	}
	return slices.MaxFunc(found, func(a, b string) int { return cmp.Compare(snapshotIndex(a), snapshotIndex(b)) }), nil
}

// snapshotIndex returns the index that stands in the name of a snapshot, behind the term.
func snapshotIndex(path string) (index uint64) {
	var term, at uint64
	if _, err := fmt.Sscanf(filepath.Base(filepath.Dir(path)), "%d-%d-%d", &term, &index, &at); err != nil {
		return 0
	}
	return index
}

// flip turns a bit of each page that is not empty, from an offset on; a page of 1
// means one bit of all there is.
func (d *damage) flip(path string, from, page int) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if page == 1 {
		page = len(raw)
	}
	for at := from; at+page <= len(raw); at += page {
		var used []int
		for i, b := range raw[at : at+page] {
			if b != 0 {
				used = append(used, at+i)
			}
		}
		if len(used) > 0 {
			raw[used[d.random.IntN(len(used))]] ^= 1 << d.random.IntN(8)
		}
	}
	return os.WriteFile(path, raw, 0o600)
}

// heal replaces the node, as one does whose data are damaged.
func (d *damage) heal() error {
	if d.node.life() != nil {
		if d.skipped {
			return d.w.await("the node with the damaged snapshot is ready", readyAfterStart, d.node.control.ready)
		}
		return nil // it started, and bitten says so
	}
	if err := firstError(os.RemoveAll(d.node.data()), d.node.start()); err != nil {
		return err
	}
	d.replaced = true
	return d.w.await("the replaced node is ready", readyAfterStart, d.node.control.ready)
}

func (d *damage) bitten() (string, error) {
	if d.skipped {
		return filepath.Base(d.file) + " damaged: skipped, since the log continues an older state", nil
	}
	if d.code != 1 || !strings.Contains(d.said, "is damaged") {
		return "", fmt.Errorf("%s, damaged: the node ended with code %d and says %q", filepath.Base(d.file), d.code, d.said)
	}
	return filepath.Base(d.file) + " damaged: refused with code 1, and replaced", nil
}

// A lag keeps a node away for so long that the others no longer have the log that
// it lacks: it is sent a snapshot.
type lag struct {
	w        *world
	node     *node
	position int
	applied  uint64
}

func newLag(w *world, v victims, _ Step) fault { return &lag{w: w, node: v.one()} }

func (l *lag) inject() error {
	s, err := l.node.control.status()
	if err != nil {
		return err
	}
	l.applied, l.position = s.Applied, l.node.log.position()
	_, err = l.node.end(syscall.SIGKILL, endPatience)
	return err
}

// heal waits until the leader has a snapshot that is well past what the node has:
// the log before it is gone.
func (l *lag) heal() error {
	err := l.w.await("the others have a newer snapshot", 30*time.Second, func() error {
		leader, err := l.w.leader()
		if err != nil {
			return err
		}
		newest, err := leader.newestSnapshot()
		if err == nil && snapshotIndex(newest) < l.applied+2*trailingLogs {
			err = fmt.Errorf("the newest is %q, the node has %d", newest, l.applied)
		}
		return err
	})
	return errors.Join(err, l.node.start(), l.w.await("a snapshot is sent", readyAfterStart, l.installed))
}

// installed returns nil where the node says that it was sent a snapshot.
func (l *lag) installed() error {
	if !strings.Contains(l.node.log.since(l.position), "Installed remote snapshot") {
		return errors.New("no snapshot was sent")
	}
	return nil
}

func (l *lag) bitten() (string, error) { return "a snapshot was sent", l.installed() }
