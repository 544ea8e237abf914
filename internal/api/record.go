package api

import "cmp"

// record logs a request of an operator: whether it succeeded, who sent it and from where. attrs must not contain a
// session.
func (c *call) record(what string, done bool, attrs ...any) {
	if !done {
		what, attrs = "a request of an operator did not succeed", append([]any{"request", what}, attrs...)
	}
	attrs = append(attrs, "by", operator(c), "from", remote(c.r), "request_id", c.id)
	c.s.cfg.Logger.Info(what, attrs...)
}

// operator returns who breaks a hold or requests a step-down: the principal, or the address of a caller without one.
func operator(c *call) string { return cmp.Or(c.caller.Principal, remote(c.r)) }
