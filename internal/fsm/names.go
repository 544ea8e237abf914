package fsm

// NamesOf returns the leases that a client's command names. A command for a session names
// none: a session belongs to its caller.
func NamesOf(c Command) []string {
	switch c := c.(type) {
	case *Acquire:
		return []string{c.Name}
	case *AcquireAll:
		return c.Names
	case *Renew:
		return []string{c.Name}
	case *Release:
		return []string{c.Name}
	case *Transfer:
		return []string{c.Name}
	case *Break:
		return []string{c.Name}
	case *StepDown:
		return []string{c.Name}
	case *RenewSession:
		return refNames(c.Only)
	case *ReleaseSession:
		return refNames(c.Only)
	}
	return nil
}

func refNames(refs []Ref) []string {
	var names []string
	for _, r := range refs {
		names = append(names, r.Name)
	}
	return names
}
