package chaos

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// A shown lease is a lease as a node lists it: its token, and the part that is equal on every node.
type shownLease struct {
	Token uint64
	whole []byte
}

// replicated returns a lease without the durations that a node measures by its own clock.
func replicated(raw []byte) ([]byte, error) {
	var l any
	if err := json.Unmarshal(raw, &l); err != nil {
		return nil, err
	}
	return json.Marshal(withoutSpans(l))
}

func withoutSpans(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, member := range v {
			if strings.HasSuffix(key, "_ms") && key != "ttl_ms" {
				delete(v, key)
			} else {
				v[key] = withoutSpans(member)
			}
		}
	case []any:
		for i := range v {
			v[i] = withoutSpans(v[i])
		}
	}
	return v
}

// listed returns all leases with a prefix, as a node lists them.
func listed(c *control, prefix string, stale bool) (map[string]shownLease, error) {
	all := make(map[string]shownLease)
	query := url.Values{"prefix": {prefix}, "limit": {"1000"}, "stale": {strconv.FormatBool(stale)}}
	for {
		var page struct {
			Leases []json.RawMessage
			Next   string `json:"next"`
		}
		if err := c.get("/v1/leases?"+query.Encode(), &page); err != nil {
			return nil, err
		}
		for _, raw := range page.Leases {
			var l struct {
				Name  string
				Token uint64
			}
			if err := json.Unmarshal(raw, &l); err != nil {
				return nil, err
			}
			whole, err := replicated(raw)
			if err != nil {
				return nil, err
			}
			all[l.Name] = shownLease{Token: l.Token, whole: whole}
		}
		if page.Next == "" {
			return all, nil
		}
		query.Set("cursor", page.Next)
	}
}

// agree compares all leases and the latest events of every node. All nodes must have the same revision, so there must
// be no writes meanwhile.
func (w *world) agree(ofEvents uint64) error {
	var first *replicaState
	for _, n := range w.nodes {
		s, err := stateOf(n, ofEvents)
		if err != nil {
			return fmt.Errorf("%s: %w", n.name, err)
		}
		if first == nil {
			first = s
		} else if err := first.differs(s); err != nil {
			return fmt.Errorf("%s and %s: %w", first.node, s.node, err)
		}
	}
	return nil
}

type replicaState struct {
	node     string
	revision uint64
	leases   map[string]shownLease
	events   []byte
}

func stateOf(n *node, ofEvents uint64) (*replicaState, error) {
	before, err := n.control.status()
	if err != nil {
		return nil, err
	}
	s := &replicaState{node: n.name, revision: before.Revision}
	if s.leases, err = listed(n.control, "", true); err != nil {
		return nil, err
	}
	var news struct{ Events json.RawMessage }
	after := before.Revision - min(before.Revision, ofEvents)
	if err := n.control.get(fmt.Sprintf("/v1/watch?prefix=&after=%d&wait_ms=0", after), &news); err != nil {
		return nil, err
	}
	s.events = news.Events
	now, err := n.control.status()
	if err == nil && now.Revision != before.Revision {
		err = errors.New("the state changes during the comparison")
	}
	return s, err
}

func (s *replicaState) differs(o *replicaState) error {
	if s.revision != o.revision {
		return fmt.Errorf("one node has revision %d, another %d", s.revision, o.revision)
	}
	if len(s.leases) != len(o.leases) {
		return fmt.Errorf("one node has %d leases, another %d", len(s.leases), len(o.leases))
	}
	for name, lease := range s.leases {
		if !bytes.Equal(lease.whole, o.leases[name].whole) {
			return fmt.Errorf("lease %s: %s and %s", name, lease.whole, o.leases[name].whole)
		}
	}
	if !bytes.Equal(s.events, o.events) {
		return errors.New("their events differ")
	}
	return nil
}
