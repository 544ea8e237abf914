package fsm

import (
	"fmt"
	"io"
	"slices"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm/wire"
)

// sections returns the sections of a snapshot of a version, in order.
func sections(version uint64) []string {
	all := []string{"machine", "nodes", "history", "leases", "past"}
	if version >= 2 {
		all = append(all, "ends")
	}
	if version >= 3 {
		all = append(all, "access")
	}
	return append(all, "end")
}

// Restore reads a machine from what Snapshot.Write wrote. It returns an error and no machine
// if any byte has changed.
func Restore(r io.Reader) (*Machine, error) {
	load := loader{m: New(), events: make(map[uint64]*Event)}
	if err := load.read(r); err != nil {
		return nil, err
	}
	load.index()
	return load.m, nil
}

// Verify reads a snapshot and returns the error that Restore would return. It does not
// build the machine: it keeps only the names of the leases.
func Verify(r io.Reader) error {
	load := loader{m: New(), verify: true}
	return load.read(r)
}

func (l *loader) read(r io.Reader) error {
	in, version, err := wire.NewReader(r, snapshotMagic)
	switch {
	case err != nil:
		return errSnapshot(err)
	case version > EntryVersion:
		return fmt.Errorf("fsm: a snapshot of version %d: %w", version, ErrTooNew)
	case version == 0:
		return fmt.Errorf("%w: a snapshot of version 0", errCorrupt)
	}
	l.m.version = version
	for _, name := range sections(version) {
		if err := l.section(in, name); err != nil {
			return err
		}
	}
	if err := in.Close(); err != nil {
		return errSnapshot(err)
	}
	return nil
}

func errSnapshot(err error) error { return fmt.Errorf("fsm: the snapshot is damaged: %w", err) }

// section reads the next section, which must have the given name.
func (l *loader) section(in *wire.Reader, want string) error {
	name, records, err := in.Section()
	switch {
	case err != nil:
		return errSnapshot(err)
	case !slices.Contains(sections(EntryVersion), name):
		return fmt.Errorf("fsm: a snapshot with a section %q: %w", name, ErrTooNew)
	case name != want:
		return fmt.Errorf("%w: found section %q instead of %q", errCorrupt, name, want)
	}
	for range records {
		b, err := in.Record(maxRecordBytes)
		if err != nil {
			return errSnapshot(err)
		}
		d := newDecoder(b, l.m.version)
		l.record(name, &d)
		if err := d.End("a record of " + name); err != nil {
			return errSnapshot(err)
		}
	}
	return nil
}

// loader fills a machine with a snapshot's records.
type loader struct {
	m      *Machine
	events map[uint64]*Event // so that leases share the events of the history again
	first  uint64            // history.dropped
	last   uint64            // the revision of the newest event
	ended  uint64            // the revision of the newest end
	names  []string          // of the leases, in order
	freed  string            // the last name that was freed
	past   int               // number of freed names
	verify bool              // keep only what the checks of later records need
}

// record adds a record of a section to the machine.
func (l *loader) record(section string, d *decoder) {
	switch section {
	case "machine":
		l.addState(d)
	case "nodes":
		l.addNode(d)
	case "history":
		l.addEvent(d)
	case "leases":
		l.addLease(d)
	case "past":
		l.addPast(d)
	case "ends":
		l.addEnd(d)
	case "access":
		l.addAccess(d)
	case "end":
		d.Fail("the section \"end\" has records")
	}
}

func (l *loader) addState(d *decoder) {
	m := l.m
	m.cluster = d.String(MaxNodeBytes)
	m.revision = d.Uint()
	m.now = d.millis()
	m.wall = d.Int64()
	m.longestTTL = d.millis()
	m.quarantine = Quarantine{For: d.millis(), From: d.millis(), Seq: d.Uint()}
	l.first = d.Uint()
	l.last = l.first
	if d.since(2) {
		m.ends.forgotten = d.Uint()
	}
	if d.since(3) {
		m.salt = d.String(MaxNodeBytes)
	}
}

func (l *loader) addNode(d *decoder) {
	_, twice := l.m.nodes.Set(d.node())
	l.m.agreeOnBudget()
	d.must(!twice, "it has a node twice")
}

func (l *loader) addEvent(d *decoder) {
	e := d.event(d.String(MaxStoredNameBytes))
	d.must(e.Revision > l.last && e.Revision <= l.m.revision, "its events are not in order")
	l.last = e.Revision
	if !l.verify {
		l.events[e.Revision] = e
		l.m.history.add(e)
	}
}

func (l *loader) addLease(d *decoder) {
	lease := d.lease()
	if d.Err != nil {
		return
	}
	d.must(lease.active() && lease.sound(l.m.revision), "a lease is inconsistent")
	d.must(len(l.names) == 0 || l.names[len(l.names)-1] < lease.Name, "its leases are not in order")
	l.names = append(l.names, lease.Name)
	if !l.verify {
		l.share(lease.History)
		lease.fold()
		l.m.replaceLease(lease)
	}
}

func (l *loader) addPast(d *decoder) {
	p := pastName{name: d.String(MaxStoredNameBytes), freed: d.Uint()}
	p.history = d.leaseHistory(p.name)
	_, held := slices.BinarySearch(l.names, p.name)
	d.must(!held && (l.past == 0 || l.freed < p.name) && l.past < MaxPast, "its free leases are inconsistent")
	l.past, l.freed = l.past+1, p.name
	if !l.verify {
		l.share(p.history)
		l.m.past.Set(p)
		l.m.bytes += p.size()
		l.m.freed.Set(freedName{p.freed, p.name})
	}
}

func (l *loader) addEnd(d *decoder) {
	end := endRecord{sessionName{d.String(MaxSessionBytes), d.String(MaxStoredNameBytes)}, d.Uint(), d.String(MaxAttemptBytes)}
	_, twice := l.m.ends.revisions[end.sessionName]
	d.must(!twice && end.revision > l.ended && end.revision <= l.m.revision && l.m.ends.order.Len() < MaxEnds,
		"its ends of holds and waits are inconsistent")
	l.ended = end.revision
	l.m.ends.set(end)
}

func (l *loader) addAccess(d *decoder) {
	var c access.Change
	c.Decode(&d.Decoder)
	if d.Err == nil {
		d.must(l.m.access.Restore(c), "its principals and tokens are inconsistent")
	}
}

// must refuses a snapshot that can be decoded but is inconsistent.
func (d *decoder) must(ok bool, reason string) {
	if !ok {
		d.Fail("%s", reason)
	}
}

// sound reports whether a lease is consistent: there are at most Limit holds and cooldowns,
// each with its own slot; each hold has a token that was granted; the queue is in order;
// and no session appears twice.
func (l *Lease) sound(revision uint64) bool {
	slots, sessions := make(map[int]bool), make(map[string]bool)
	for _, h := range l.Holds {
		if h.Slot >= l.Limit || h.Token == 0 || h.Token > revision {
			return false
		}
		slots[h.Slot], sessions[h.Session] = true, true
	}
	for _, c := range l.Cooldowns {
		if c.Slot >= l.Limit {
			return false
		}
		slots[c.Slot] = true
	}
	for _, t := range l.Queue {
		sessions[t.Session] = true
	}
	return slices.IsSortedFunc(l.Queue, byQueueOrder) &&
		len(slots) == len(l.Holds)+len(l.Cooldowns) && len(sessions) == len(l.Holds)+len(l.Queue)
}

func (l *loader) share(t *LeaseHistory) {
	for i, e := range t.Events {
		if known, ok := l.events[e.Revision]; ok {
			t.Events[i] = known
		}
	}
}

// index rebuilds the derived fields.
func (l *loader) index() {
	l.m.history.dropped = max(l.m.history.dropped, l.first)
	l.m.leases.Scan(func(lease *Lease) bool {
		l.m.waiting += len(lease.Queue)
		return true
	})
	l.m.reindex()
}
