package access

import (
	"strconv"

	"github.com/lockd/lockd/internal/fsm/wire"
)

// Invalid calls add for each field of a change that is out of bounds.
func (c *Change) Invalid(add func(field, reason string)) {
	switch c.Kind {
	case SetPrincipal:
		invalidPrincipal(c.Principal.Name, add)
		c.Principal.Rules.invalid("rules", add)
		if len(c.Principal.Rules) == 0 {
			add("rules", "must have at least one rule, such as acquire:billing.")
		}
	case DeletePrincipal:
		invalidPrincipal(c.Principal.Name, add)
	case AddToken, FirstToken:
		invalidPrincipal(c.Token.Principal, add)
		c.Token.invalid(add)
	case DeleteToken:
		if !ValidTokenID(c.Token.ID) {
			add("id", "must be the ID of a token")
		}
	case SetMode:
		if c.Mode >= modeEnd {
			add("mode", "must be on, permissive or off")
		}
	case SetQuota:
		c.Quota.invalid(add)
	case DeleteQuota:
		if c.Quota.Scope == "" {
			add("scope", "is required")
		}
	case DenyCertificate:
		invalidSerial(c.Serial, add)
	default:
		add("kind", "is unknown")
	}
}

func invalidPrincipal(name string, add func(field, reason string)) {
	if CheckPrincipal(name) != nil {
		add("principal", "must be 1 to 64 of a-z 0-9 . _ -, beginning with a letter or digit")
	}
}

func invalidSerial(serial string, add func(field, reason string)) {
	if serial == "" || len(serial) > MaxSerialBytes {
		add("serial", "must be the serial number of a certificate")
	}
}

func (r *Record) invalid(add func(field, reason string)) {
	if !ValidTokenID(r.ID) {
		add("id", "must be the ID of a token")
	}
	if r.CreatedBy != "" && CheckPrincipal(r.CreatedBy) != nil {
		add("created_by", "must be a principal")
	}
	if r.Expires < 0 || r.Created < 0 {
		add("expires_at", "must be a time after 1970")
	}
	r.Rules.invalid("rules", add)
}

func (rs Rules) invalid(field string, add func(field, reason string)) {
	if len(rs) > MaxRules {
		add(field, "must be at most 64 rules")
		return
	}
	for i, r := range rs {
		if err := r.Check(); err != nil {
			add(field+"["+strconv.Itoa(i)+"]", err.Error())
		}
	}
}

// Encode appends a change. The form is part of that of the log and of snapshots: it never changes.
func (c *Change) Encode(e *wire.Encoder) {
	e.Uint(uint64(c.Kind))
	switch c.Kind {
	case SetPrincipal, DeletePrincipal:
		e.String(c.Principal.Name)
		encodeRules(e, c.Principal.Rules)
		e.Uint(c.Principal.Changed)
	case AddToken, FirstToken, DeleteToken:
		c.Token.encode(e)
	case SetMode:
		e.Uint(uint64(c.Mode))
	case SetQuota, DeleteQuota:
		c.Quota.encode(e)
	case DenyCertificate:
		e.String(c.Serial)
	}
}

// Decode reads what Encode wrote.
func (c *Change) Decode(d *wire.Decoder) {
	c.Kind = Kind(d.ByteOf(uint64(kindEnd) - 1))
	switch c.Kind {
	case SetPrincipal, DeletePrincipal:
		c.Principal.Name = d.String(MaxPrincipalBytes)
		c.Principal.Rules = decodeRules(d)
		c.Principal.Changed = d.Uint()
	case AddToken, FirstToken, DeleteToken:
		c.Token.decode(d)
	case SetMode:
		c.Mode = Mode(d.ByteOf(uint64(modeEnd) - 1))
	case SetQuota, DeleteQuota:
		c.Quota.decode(d)
	case DenyCertificate:
		c.Serial = d.String(MaxSerialBytes)
	default:
		d.Fail("a change of kind %d", c.Kind)
	}
}

func (r *Record) encode(e *wire.Encoder) {
	e.String(r.ID)
	e.String(string(r.Hash[:]))
	e.String(r.Principal)
	encodeRules(e, r.Rules)
	e.Int64(r.Expires)
	e.Int64(r.Created)
	e.String(r.CreatedBy)
}

func (r *Record) decode(d *wire.Decoder) {
	r.ID = d.String(TokenIDLength)
	if n := copy(r.Hash[:], d.String(HashBytes)); n != HashBytes {
		d.Fail("the hash of a token has %d bytes", n)
	}
	r.Principal = d.String(MaxPrincipalBytes)
	r.Rules = decodeRules(d)
	r.Expires, r.Created = d.Int64(), d.Int64()
	r.CreatedBy = d.String(MaxPrincipalBytes)
}

func encodeRules(e *wire.Encoder, rules Rules) {
	e.Uint(uint64(len(rules)))
	for _, r := range rules {
		e.Uint(uint64(r.Right))
		e.String(r.Scope)
	}
}

func decodeRules(d *wire.Decoder) (rules Rules) {
	for range d.Count(MaxRules) {
		r := Rule{Right: Right(d.ByteOf(255)), Scope: d.String(MaxScopeBytes)}
		if err := r.Check(); err != nil {
			d.Fail("%v", err)
			return nil
		}
		rules = append(rules, r)
	}
	return rules
}

// Encode appends a caller.
func (c *Caller) Encode(e *wire.Encoder) {
	e.String(c.Principal)
	e.String(c.TokenID)
	e.Bool(c.Local)
}

// Decode reads what Encode wrote.
func (c *Caller) Decode(d *wire.Decoder) {
	c.Principal, c.TokenID, c.Local = d.String(MaxPrincipalBytes), d.String(TokenIDLength), d.Bool()
}

// Changes returns the changes that make the table out of an empty one, for a snapshot: the mode is the last.
func (t *Table) Changes() []Change {
	changes := make([]Change, 0, t.principals.Len()+t.tokens.Len()+1)
	t.principals.Scan(func(p *Principal) bool {
		changes = append(changes, Change{Kind: SetPrincipal, Principal: *p})
		return true
	})
	t.tokens.Scan(func(r *Record) bool {
		changes = append(changes, Change{Kind: AddToken, Token: *r})
		return true
	})
	for _, q := range t.quotas {
		changes = append(changes, Change{Kind: SetQuota, Quota: q})
	}
	for _, serial := range t.denied {
		changes = append(changes, Change{Kind: DenyCertificate, Serial: serial})
	}
	return append(changes, Change{Kind: SetMode, Mode: t.mode})
}

// Restore applies a change of Changes. It returns false if the table could not have been like this.
func (t *Table) Restore(c Change) bool {
	switch c.Kind {
	case SetPrincipal:
		o, changed := t.setPrincipal(c.Principal, c.Principal.Changed)
		return o == Done && changed
	case AddToken: // its rules may have become more than those of its principal
		if t.Token(c.Token.ID) != nil || t.Principal(c.Token.Principal) == nil || t.perName[c.Token.Principal] >= MaxTokens ||
			t.tokens.Len() >= MaxAllTokens {
			return false
		}
		t.setToken(&c.Token)
		return true
	case SetMode:
		t.mode = c.Mode
		return true
	case SetQuota:
		o, changed := t.setQuota(c.Quota)
		return o == Done && changed
	case DenyCertificate:
		o, changed := t.deny(c.Serial)
		return o == Done && changed
	}
	return false
}
