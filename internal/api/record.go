package api

// record logs a request of an operator, with the address of the caller and whether it succeeded. attrs must not contain
// a session.
func (c *call) record(what string, done bool, attrs ...any) {
	attrs = append(attrs, "done", done, "from", host(c.r.RemoteAddr), "request_id", c.id)
	c.s.cfg.Logger.Info(what, attrs...)
}
