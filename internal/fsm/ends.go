package fsm

import "github.com/tidwall/btree"

// ends stores the revision at which a session last stopped holding or waiting for a name:
// its end. An acquire that was sent before that revision is a late copy: the session has
// released or lost the lease since. Without these ends such a copy would be granted to a
// session that does not expect it.
//
// It keeps the newest ends, limited by count and by bytes. An acquire that was sent before
// the newest end that is no longer kept may be a late copy too. It is refused, unless the
// session holds the name or waits for it. Ends came with version 2.
type ends struct {
	revisions map[sessionName]uint64   // only looked up
	order     *btree.BTreeG[endRecord] // oldest first
	bytes     int
	most      int    // bytes that are kept
	forgotten uint64 // the revision of the newest end that is no longer kept
}

// endRecord is one end. An empty name means every name.
type endRecord struct {
	sessionName
	revision uint64
	attempt  string // the Acquire.Attempt that a Release ended; may be empty
}

func newEnds() ends {
	return ends{
		most:      MaxEndBytes,
		revisions: make(map[sessionName]uint64),
		order:     tree(func(a, b endRecord) bool { return a.revision < b.revision }),
	}
}

// set adds an end, or replaces the one of the same session and name.
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

// get returns the last end of a session and a name.
func (e *ends) get(which sessionName) (endRecord, bool) {
	revision, ok := e.revisions[which]
	if !ok {
		return endRecord{}, false
	}
	return e.order.Get(endRecord{revision: revision})
}

// keep sets the limit of bytes.
func (e *ends) keep(bytes int) {
	e.most = bytes
	e.trim()
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

// outdated reports whether an acquire was sent before its session last stopped
// holding or waiting for the name. Commands of version 1 do not state when they were sent:
// sent is 0.
func (e *ends) outdated(session, name string, sent uint64) bool {
	return sent != 0 &&
		(sent < e.revisions[sessionName{session, name}] || sent < e.revisions[sessionName{session: session}])
}

// beforeKept reports whether an acquire was sent before the oldest end that is kept. It
// matters only for a session that neither holds the name nor waits for it.
func (e *ends) beforeKept(sent uint64) bool { return sent != 0 && sent < e.forgotten }

// withdraw adds an attempt to the last end of a session and a name: the session released
// what the attempt got or would get. Copies of the attempt are refused from then on,
// regardless of when they were sent.
func (e *ends) withdraw(session, name, attempt string) {
	if end, ok := e.get(sessionName{session, name}); ok && attempt != "" {
		end.attempt = attempt
		e.set(end)
	}
}

// withdrawn reports whether an attempt is the last one that its session released.
func (e *ends) withdrawn(session, name, attempt string) bool {
	end, ok := e.get(sessionName{session, name})
	return ok && attempt != "" && end.attempt == attempt
}

// seal replaces each session by what seal returns for it.
func (e *ends) seal(seal func(session string) string) {
	old := e.order.Items()
	most, forgotten := e.most, e.forgotten
	*e = newEnds()
	e.most, e.forgotten = most, forgotten
	for _, end := range old {
		end.session = seal(end.session)
		e.set(end)
	}
}

// recordEnd records that the current command ends the hold or the wait of a session for a
// name. The caller increments the revision after it.
func (m *Machine) recordEnd(session, name string) {
	if m.version >= 2 {
		m.ends.set(endRecord{sessionName: sessionName{session, name}, revision: m.revision + 1})
	}
}

// recordEndOfNothing records an end of a session that neither held the lease nor waited
// for it: an acquire that is still on its way to the leader must not be granted after it.
func (m *Machine) recordEndOfNothing(session, name string) {
	if m.version >= 2 {
		m.recordEnd(session, name)
		m.revision++
	}
}
