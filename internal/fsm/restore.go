package fsm

import (
	"fmt"
	"io"
	"slices"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm/document"
	"github.com/lockd/lockd/internal/fsm/lease"
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
	if version >= 4 {
		all = append(all, "documents", "elections")
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
	load.m.sessions.rebuild(load.m.leases)
	setQuotas(load.m)
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
	case "documents":
		l.addDocument(d)
	case "elections":
		r := document.DecodeRound(&d.Decoder)
		d.must(l.m.documents.Round(r.Subject) == nil && r.ID <= l.m.revision, "its elections are inconsistent")
		l.m.documents.SetRound(r)
	case "end":
		d.Fail("the section \"end\" has records")
	}
}

func (l *loader) addState(d *decoder) {
	m := l.m
	m.cluster = d.String(MaxNodeBytes)
	m.revision = d.Uint()
	m.now = d.Millis()
	m.wall = d.Int64()
	m.longestTTL = d.Millis()
	m.quarantine = Quarantine{For: d.Millis(), From: d.Millis(), Seq: d.Uint()}
	l.last = d.Uint()
	m.history.Reset(l.last)
	if d.Since(2) {
		m.ends.forgotten = d.Uint()
	}
	if d.Since(3) {
		m.salt = d.String(MaxNodeBytes)
	}
}

func (l *loader) addNode(d *decoder) {
	_, twice := l.m.nodes.Set(d.node())
	l.m.agreeOnBudget()
	d.must(!twice, "it has a node twice")
}

func (l *loader) addEvent(d *decoder) {
	e := d.Event(d.String(MaxStoredNameBytes))
	d.must(e.Revision > l.last && e.Revision <= l.m.revision, "its events are not in order")
	l.last = e.Revision
	if !l.verify {
		l.events[e.Revision] = e
		l.m.history.Add(e)
	}
}

func (l *loader) addLease(d *decoder) {
	read := d.Lease()
	if d.Err != nil {
		return
	}
	d.must(read.Active() && read.Sound(l.m.revision), "a lease is inconsistent")
	d.must(len(l.names) == 0 || l.names[len(l.names)-1] < read.Name, "its leases are not in order")
	l.names = append(l.names, read.Name)
	if !l.verify {
		l.share(read.History)
		l.m.put(read)
	}
}

func (l *loader) addPast(d *decoder) {
	p := lease.Past{Name: d.String(MaxStoredNameBytes), Freed: d.Uint()}
	p.History = d.History(p.Name)
	_, held := slices.BinarySearch(l.names, p.Name)
	d.must(!held && (l.past == 0 || l.freed < p.Name) && l.past < MaxPast, "its free leases are inconsistent")
	l.past, l.freed = l.past+1, p.Name
	if !l.verify {
		l.share(p.History)
		l.m.leases.PutPast(p)
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
	d.change(&c)
	if d.Err == nil {
		d.must(l.m.access.Restore(c), "its principals and tokens are inconsistent")
	}
}

func (l *loader) addDocument(d *decoder) {
	n := document.Decode(&d.Decoder)
	if d.Err != nil {
		return
	}
	d.must(l.m.documents.Get(n.Key) == nil && n.Born <= n.Revision && n.Revision <= l.m.revision, "its documents are inconsistent")
	if n.History != nil {
		if known, ok := l.events[n.History.Revision]; ok {
			n.History = known
		}
	}
	l.m.documents.Table.Put(n)
}

// must refuses a snapshot that can be decoded but is inconsistent.
func (d *decoder) must(ok bool, reason string) {
	if !ok {
		d.Fail("%s", reason)
	}
}

func (l *loader) share(t *lease.History) {
	for i, e := range t.Events {
		if known, ok := l.events[e.Revision]; ok {
			t.Events[i] = known
		}
	}
}
