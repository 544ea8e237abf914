package fsm

import "github.com/tidwall/btree"

// ends remembers the revision at which a session last stopped holding or waiting
// for a name. An acquire that its node sent before that revision is a late copy:
// the session has released the name, or lost it, since. Without this memory such
// a copy would be granted to a session that does not expect it.
//
// It keeps the newest of them, by count and by bytes. What was sent before the newest
// end that is no longer kept may be a late copy, and is refused, too, unless the session
// holds the name or waits for it. Its version is 2.
type ends struct {
	revisions map[sessionName]uint64   // only looked up
	order     *btree.BTreeG[endRecord] // oldest first
	bytes     int
	most      int    // bytes that are kept
	forgotten uint64 // the revision of the newest end that is no longer kept
}

// ended is one line of that memory. An empty name means every name.
type endRecord struct {
	sessionName
	revision uint64
	attempt  string // the caller's own name for the attempt that its Release ended; may be empty
}

func newEnds() ends {
	return ends{
		most:      MaxEndBytes,
		revisions: make(map[sessionName]uint64),
		order:     tree(func(a, b endRecord) bool { return a.revision < b.revision }),
	}
}

// set records the end.
func (e *ends) set(end endRecord) {
	if before, ok := e.get(end.sessionName); ok {
		e.order.Delete(before)
		e.bytes -= before.size()
	}
	e.revisions[end.sessionName] = end.revision
	e.order.Set(end)
	e.bytes += end.size()
	e.trim()
}

// of returns the last end of what a session had of a name.
func (e *ends) get(which sessionName) (endRecord, bool) {
	revision, ok := e.revisions[which]
	if !ok {
		return endRecord{}, false
	}
	return e.order.Get(endRecord{revision: revision})
}

// trim forgets the oldest ends beyond the limits.
func (e *ends) trim() {
	for e.order.Len() > MaxEnds || e.bytes > e.most {
		oldest, _ := e.order.PopMin()
		delete(e.revisions, oldest.sessionName)
		e.bytes -= oldest.size()
		e.forgotten = oldest.revision
	}
}

// noteEnd records that the command that runs ends what a session has of a name.
// The caller raises the revision after it.
func (m *Machine) recordEnd(session, name string) {
	if m.version >= 2 {
		m.ends.set(endRecord{sessionName: sessionName{session, name}, revision: m.revision + 1})
	}
}

// noteNothing records an end of a session that had nothing: what is still on its
// way to the leader must not be granted after it.
func (m *Machine) recordEndOfNothing(session, name string) {
	if m.version >= 2 {
		m.recordEnd(session, name)
		m.revision++
	}
}

// outdated reports whether an acquire was sent before its session last stopped
// holding or waiting for the name. A command of version 1 does not say when it
// was sent: its sent is 0.
func (m *Machine) outdated(session, name string, sent uint64) bool {
	return sent != 0 &&
		(sent < m.ends.revisions[sessionName{session, name}] || sent < m.ends.revisions[sessionName{session: session}])
}

// beforeMemory reports whether an acquire was sent before the memory of ends begins. It
// is asked only about a session that has nothing of the name.
func (m *Machine) beforeKeptEnds(sent uint64) bool { return sent != 0 && sent < m.ends.forgotten }

// withdraw records that the session itself gave up what an attempt got, or would get:
// the last end of the name was that. A copy of the attempt is refused from then on,
// whenever it was sent.
func (m *Machine) withdraw(session, name, attempt string) {
	if end, ok := m.ends.get(sessionName{session, name}); ok && attempt != "" && m.version >= 2 {
		end.attempt = attempt
		m.ends.set(end)
	}
}

// withdrawn reports whether an attempt was the last that its session gave up.
func (m *Machine) withdrawn(session, name, attempt string) bool {
	end, ok := m.ends.get(sessionName{session, name})
	return ok && attempt != "" && end.attempt == attempt
}
