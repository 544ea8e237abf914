package fsm

import (
	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm/lease"
	"github.com/lockd/lockd/internal/fsm/wire"
)

// encoder appends values in the machine's binary form: those of package lease, and what only the machine has. It writes
// the form of a version; its Err is ErrNotYet if that version cannot express a value.
type encoder struct{ lease.Encoder }

func newEncoder(version uint64) encoder { return encoder{lease.NewEncoder(version)} }

// requires reports whether a field that was added in a version is written. In an older version it is omitted if used
// is false; otherwise the encoder fails with ErrNotYet, because an omitted field would change the meaning. For a field
// that the reader does not need, Since is enough.
//
// A field is added at the end of its struct:
//
//	if e.requires(2, c.Note != "") {
//		e.String(c.Note)
//	}
//
// and read in the same place, under d.Since(2). A new command calls e.requires(2, true) first.
func (e *encoder) requires(version uint64, used bool) bool {
	if used && !e.Since(version) && e.Err == nil {
		e.Err = ErrNotYet
	}
	return e.Since(version)
}

func (e *encoder) caller(c *access.Caller) { c.Encode(&e.Encoder.Encoder) }

func (e *encoder) change(c *access.Change) { c.Encode(&e.Encoder.Encoder) }

func (e *encoder) node(n Node) {
	e.String(n.ID)
	e.String(n.Name)
	e.String(n.Peer)
	e.String(n.HTTP)
	e.Uint(n.Version)
	if e.Since(2) {
		e.Uint(n.MaxState)
	}
}

// errCorrupt is the error for malformed bytes.
var errCorrupt = wire.ErrMalformed

// decoder reads what encoder wrote.
type decoder struct{ lease.Decoder }

func newDecoder(b []byte, version uint64) decoder { return decoder{lease.NewDecoder(b, version)} }

func (d *decoder) caller(c *access.Caller) { c.Decode(&d.Decoder.Decoder) }

func (d *decoder) change(c *access.Change) { c.Decode(&d.Decoder.Decoder) }

func (d *decoder) node() Node {
	n := Node{
		ID: d.String(MaxNodeBytes * 2), Name: d.String(MaxNodeBytes), Peer: d.String(MaxAddressBytes),
		HTTP: d.String(MaxAddressBytes), Version: d.Uint(),
	}
	if d.Since(2) {
		n.MaxState = min(d.Uint(), MaxSafeInteger)
	}
	return n
}
