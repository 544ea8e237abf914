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
	flipLog      = 1 + iota // one bit of each page of the log with data
	cutLog                  // the second half of the log is removed
	flipSnapshot            // one bit of the newest snapshot
	flipIdentity            // one bit of node.json
)

// A damage changes the data of a stopped node. The node must refuse to start and is then replaced. A node with a
// damaged snapshot may start if its log replaces the snapshot.
type damage struct {
	w        *world
	node     *node
	what     int
	random   *rand.Rand
	file     string
	code     int
	output   string
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
	d.output = d.node.log.waitFor(position, "is damaged")
	return err
}

// goesOn waits until the node has exited or has logged that it starts without the snapshot, which is correct if its
// log continues an older state.
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

// harm damages the data.
func (d *damage) harm() error {
	segments, err := filepath.Glob(filepath.Join(d.node.data(), "log", "*.log"))
	if err != nil || len(segments) == 0 {
		return fmt.Errorf("%s has no log: %w", d.node.data(), err)
	}
	log, identity := segments[len(segments)-1], filepath.Join(d.node.data(), "node.json")
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
	return d.flip(log, 0, pageBytes)
}

const pageBytes = 4096

// newestSnapshot returns the file of a node's newest snapshot, or "" if there is none.
func (n *node) newestSnapshot() (string, error) {
	found, err := filepath.Glob(filepath.Join(n.data(), "snapshots", "*", "state.bin"))
	if err != nil || len(found) == 0 {
		return "", err
	}
	return slices.MaxFunc(found, func(a, b string) int { return cmp.Compare(snapshotIndex(a), snapshotIndex(b)) }), nil
}

// snapshotIndex returns the index in the name of a snapshot, after the term.
func snapshotIndex(path string) (index uint64) {
	var term, at uint64
	if _, err := fmt.Sscanf(filepath.Base(filepath.Dir(path)), "%d-%d-%d", &term, &index, &at); err != nil {
		return 0
	}
	return index
}

// flip flips one bit of each page that is not empty, starting at an offset; page 1 means one bit of the whole file.
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

// heal replaces the node, as an operator does with a node whose data is damaged.
func (d *damage) heal() error {
	if d.node.life() != nil {
		if d.skipped {
			return d.w.await("the node with the damaged snapshot is ready", readyAfterStart, d.node.control.ready)
		}
		return nil // it started, and effect reports that
	}
	if err := firstError(os.RemoveAll(d.node.data()), d.node.start()); err != nil {
		return err
	}
	d.replaced = true
	return d.w.await("the new node is ready", readyAfterStart, d.node.control.ready)
}

func (d *damage) effect() (string, error) {
	if d.skipped {
		return filepath.Base(d.file) + " damaged: skipped, since the log continues an older state", nil
	}
	if d.code != 1 || !strings.Contains(d.output, "is damaged") {
		return "", fmt.Errorf("%s, damaged: the node exited with code %d and logged %q", filepath.Base(d.file), d.code, d.output)
	}
	return filepath.Base(d.file) + " damaged: refused with code 1, and replaced", nil
}

// A lag stops a node until the others have truncated the log entries that it lacks, so that it receives a snapshot.
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

// heal waits until the leader has a snapshot that is well past the log of the node, so that the entries before it are
// gone.
func (l *lag) heal() error {
	err := l.w.await("the others have a newer snapshot", 30*time.Second, func() error {
		leader, err := l.w.leader()
		if err != nil {
			return err
		}
		newest, err := leader.newestSnapshot()
		if err == nil && snapshotIndex(newest) < l.applied+2*trailingLogs {
			err = fmt.Errorf("the newest snapshot is %q, the node has index %d", newest, l.applied)
		}
		return err
	})
	return errors.Join(err, l.node.start(), l.w.await("a snapshot is sent", readyAfterStart, l.installed))
}

// installed returns nil if the node has logged that it received a snapshot.
func (l *lag) installed() error {
	if !strings.Contains(l.node.log.since(l.position), "a snapshot of the leader was installed") {
		return errors.New("no snapshot was sent")
	}
	return nil
}

func (l *lag) effect() (string, error) { return "a snapshot was sent", l.installed() }
