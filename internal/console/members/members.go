// Package members shows the members of a cluster as its nodes report them.
package members

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console"
)

// contactWithin is how recent the leader's last contact with a node must be for the node to count as up, if the node does
// not answer here.
const contactWithin = lockd.Millis(2_000)

// A Reply is the result of a query of one node.
type Reply struct {
	Address string
	Status  *lockd.Cluster
	Err     error
}

// A View is the cluster as reported by all its nodes.
type View struct {
	*lockd.Cluster                           // as the leader sees it, or else the node that answered first
	own            map[string]*lockd.Cluster // what each node reported about itself, by ID
	refused        map[string]bool           // members at whose address nothing listens
}

// NewView returns the view of what the first node and the others reported.
func NewView(first *lockd.Cluster, replies []Reply) *View {
	v := &View{Cluster: first, own: map[string]*lockd.Cluster{first.Node.ID: first}, refused: make(map[string]bool)}
	for _, r := range replies {
		if r.Status != nil && r.Status.ID == first.ID && r.Status.Node.ID != "" {
			v.own[r.Status.Node.ID] = r.Status
		}
	}
	for _, s := range v.own {
		if s.Node.State == "leader" && (v.Node.State != "leader" || s.Term > v.Term) {
			v.Cluster = s
		}
	}
	for _, n := range v.Nodes {
		v.refused[n.ID] = slices.ContainsFunc(replies, func(r Reply) bool {
			return r.Address == n.HTTP && errors.Is(r.Err, lockd.ErrUnavailable) && !errors.Is(r.Err, context.DeadlineExceeded)
		})
	}
	return v
}

// leads reports whether a node that answered is the leader. A follower reports a dead leader for as
// long as an election takes.
func (v *View) leads() bool { return v.Node.State == "leader" }

func (v *View) up(n lockd.Node) bool {
	if v.own[n.ID] != nil {
		return true
	}
	return v.leads() && !v.refused[n.ID] && n.LastContact != nil && *n.LastContact < contactWithin
}

// voters returns the number of voters, and of voters that are up.
func (v *View) voters() (all, up int) {
	for _, n := range v.Nodes {
		if n.Voter {
			all++
			if v.up(n) {
				up++
			}
		}
	}
	return all, up
}

func (v *View) quorum() bool {
	all, up := v.voters()
	return all > 0 && up > all/2
}

// Served reports whether there is a leader and a quorum.
func (v *View) Served() bool { return v.quorum() && v.leads() }

// Headline returns the state of the cluster in a line.
func (v *View) Headline() string {
	all, up := v.voters()
	switch {
	case all == 0:
		return "NO CLUSTER: this node is not a member of one yet"
	case !v.quorum():
		return fmt.Sprintf("NO QUORUM: %d of %d voters answer, %d are needed", up, all, all/2+1)
	case !v.leads():
		return fmt.Sprintf("NO LEADER: %d of %d voters answer, term %d", up, all, v.Term)
	}
	return fmt.Sprintf("quorum %d of %d, leader %s, term %d", up, all, console.Plain(v.Node.Name), v.Term)
}

// Warnings returns a line for each node that is not protected.
func (v *View) Warnings() (lines []string) {
	for _, n := range v.Nodes {
		own := v.own[n.ID]
		if own == nil {
			continue
		}
		name := console.Plain(n.Name)
		if own.Node.Insecure {
			lines = append(lines, fmt.Sprintf("warning: %s runs with --insecure: its ports do not require TLS", name))
		}
		if own.Node.Open {
			lines = append(lines, fmt.Sprintf("warning: %s is open to everyone who can connect: its clients need no credentials", name))
		}
	}
	return lines
}

// An Answer is the view as JSON.
type Answer struct {
	*lockd.Cluster
	Quorum   bool     `json:"quorum"` // and a leader
	Voters   int      `json:"voters"`
	VotersUp int      `json:"voters_up"`
	Members  []Member `json:"members"`
}

// A Member is a node of the configuration.
type Member struct {
	Name   string         `json:"name"`
	ID     string         `json:"id"`
	Up     bool           `json:"up"`
	Report *lockd.Cluster `json:"report,omitempty"` // its own report; absent if it did not answer
}

// Answer returns the view as JSON.
func (v *View) Answer() Answer {
	a := Answer{Cluster: v.Cluster, Quorum: v.Served(), Members: []Member{}}
	a.Voters, a.VotersUp = v.voters()
	for _, n := range v.Nodes {
		a.Members = append(a.Members, Member{n.Name, n.ID, v.up(n), v.own[n.ID]})
	}
	return a
}

// SeenTable has a row of the node whose state is shown.
func (v *View) SeenTable() *console.Table {
	t := &console.Table{Head: "CLUSTER\tSEEN-BY\tSTATE\tTERM\tREVISION\tAPPLIED"}
	t.Add(v.ID, v.Node.Name, v.Node.State, fmt.Sprint(v.Term), fmt.Sprint(v.Revision), fmt.Sprint(v.AppliedIndex))
	return t
}

// NodeTable has a row for each member.
func (v *View) NodeTable() *console.Table {
	t := &console.Table{Head: "NODE\tSTATUS\tROLE\tHEARD\tVERSION\tENTRIES\tLAST-LOG\tREVISION\tHTTP\tPEER"}
	for _, n := range v.Nodes {
		release, end, revision := "", "", ""
		if own := v.own[n.ID]; own != nil {
			release, revision = own.Node.Version, fmt.Sprint(own.Revision)
			end = fmt.Sprintf("%d/%d", own.LastLogTerm, own.LastLogIndex)
		}
		t.Add(n.Name, upOrDown(v.up(n)), v.role(n), v.lastContact(n), release, fmt.Sprint(n.Version), end, revision, n.HTTP, n.Peer)
	}
	return t
}

func upOrDown(up bool) string {
	if up {
		return "UP"
	}
	return "DOWN"
}

func (v *View) role(n lockd.Node) string {
	switch {
	case v.leads() && n.ID == v.Node.ID:
		return "leader"
	case n.Voter:
		return "voter"
	}
	return "non-voter"
}

// lastContact formats the leader's last contact with a member. Other nodes do not notice at once
// that a member is dead.
func (v *View) lastContact(n lockd.Node) string {
	switch {
	case !v.leads() || n.LastContact == nil:
		return ""
	case v.up(n) && *n.LastContact < 1_000:
		return "now"
	case *n.LastContact < 1_000:
		return n.LastContact.Duration().String() + " ago"
	}
	unit := 100 * time.Millisecond
	if n.LastContact.Duration() >= time.Minute {
		unit = time.Second
	}
	return n.LastContact.Duration().Truncate(unit).String() + " ago"
}
