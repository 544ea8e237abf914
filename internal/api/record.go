package api

// record logs what an operator asked for: who asked, and whether it was done. The
// attributes hold no session.
func (c *call) record(what string, done bool, attrs ...any) {
	attrs = append(attrs, "done", done, "from", host(c.r.RemoteAddr), "request_id", c.id)
	c.s.cfg.Logger.Info(what, attrs...)
}
