package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console"
)

const (
	// statusTimeout is how long status waits for the nodes, which it queries in parallel. The
	// advertised address of a node may not be reachable from here.
	statusTimeout = time.Second
	// contactWithin is how recent the leader's last contact with a node must be for the node to
	// count as up, if the node does not answer here.
	contactWithin = lockd.Millis(2_000)
)

func newStatusCommand(c *cli) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show the quorum, the leader and each member",
		Long: `Show the quorum, the leader and each member.

Every member and every --addr is queried in parallel. A member is UP if it answers.
If its address cannot be reached from here, it is UP if the leader had contact with
it within the last 2 seconds. VERSION is the version of lockd. ENTRIES is the newest
version of log entries that the node reads. LAST-LOG is the term and the index of the
newest entry in its log: after a quorum was permanently lost, the node with the
highest term has the newest data, and among nodes with the same term the one with the
highest index.

Exit codes: 0 a leader and a quorum of the voters are up; 69 there is no leader or no
quorum, or no node answered; 1 any other error.`,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.read(cmd, func(ctx context.Context, client *lockd.Client) error {
				first, err := client.Cluster(ctx)
				if err != nil {
					return err
				}
				v := newClusterView(first, c.queryAll(ctx, first))
				if c.output == console.FormatTable {
					fmt.Fprintln(c.out, v.headline())
					for _, line := range v.warnings() {
						fmt.Fprintln(c.out, line)
					}
					fmt.Fprintln(c.out)
				}
				if err := c.print(v.answer(), v.seenTable(), v.nodeTable()); err != nil {
					return err
				}
				if !v.served() {
					return exitError{code: exitUnreachable}
				}
				return nil
			})
		},
	}
}

// reply is the result of a query of one node.
type reply struct {
	address string
	status  *lockd.Cluster
	err     error
}

// queryAll queries the nodes in --addr and all members.
func (c *cli) queryAll(ctx context.Context, first *lockd.Cluster) []reply {
	var addresses []string
	if len(c.addrs) > 1 { // a single node has already answered
		addresses = slices.Clone(c.addrs)
	}
	for _, n := range first.Nodes {
		if n.ID != first.Node.ID && n.HTTP != "" {
			addresses = append(addresses, n.HTTP)
		}
	}
	slices.Sort(addresses)
	addresses = slices.Compact(addresses)
	replies := make([]reply, len(addresses))
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	var queries sync.WaitGroup
	for i, address := range addresses {
		queries.Go(func() {
			r := reply{address: address}
			client, err := c.clientOf([]string{address}, -1)
			if err == nil {
				r.status, err = client.Cluster(ctx)
			}
			r.err = err
			replies[i] = r
		})
	}
	queries.Wait()
	return replies
}

// A clusterView is the cluster as reported by all its nodes.
type clusterView struct {
	*lockd.Cluster                           // as the leader sees it, or else the node that answered first
	own            map[string]*lockd.Cluster // what each node reported about itself, by ID
	refused        map[string]bool           // members at whose address nothing listens
}

func newClusterView(first *lockd.Cluster, replies []reply) *clusterView {
	v := &clusterView{Cluster: first, own: map[string]*lockd.Cluster{first.Node.ID: first}, refused: make(map[string]bool)}
	for _, r := range replies {
		if r.status != nil && r.status.ID == first.ID && r.status.Node.ID != "" {
			v.own[r.status.Node.ID] = r.status
		}
	}
	for _, s := range v.own {
		if s.Node.State == "leader" && (v.Node.State != "leader" || s.Term > v.Term) {
			v.Cluster = s
		}
	}
	for _, n := range v.Nodes {
		v.refused[n.ID] = slices.ContainsFunc(replies, func(r reply) bool {
			return r.address == n.HTTP && errors.Is(r.err, lockd.ErrUnavailable) && !errors.Is(r.err, context.DeadlineExceeded)
		})
	}
	return v
}

// leads reports whether a node that answered is the leader. A follower reports a dead leader for as
// long as an election takes.
func (v *clusterView) leads() bool { return v.Node.State == "leader" }

func (v *clusterView) up(n lockd.Node) bool {
	if v.own[n.ID] != nil {
		return true
	}
	return v.leads() && !v.refused[n.ID] && n.LastContact != nil && *n.LastContact < contactWithin
}

// voters returns the number of voters, and of voters that are up.
func (v *clusterView) voters() (all, up int) {
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

func (v *clusterView) quorum() bool {
	all, up := v.voters()
	return all > 0 && up > all/2
}

func (v *clusterView) served() bool { return v.quorum() && v.leads() }

func (v *clusterView) headline() string {
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

// warnings returns a line for each node that is not protected.
func (v *clusterView) warnings() (lines []string) {
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

// statusAnswer is the view as JSON.
type statusAnswer struct {
	*lockd.Cluster
	Quorum   bool           `json:"quorum"` // and a leader
	Voters   int            `json:"voters"`
	VotersUp int            `json:"voters_up"`
	Members  []memberAnswer `json:"members"`
}

type memberAnswer struct {
	Name   string         `json:"name"`
	ID     string         `json:"id"`
	Up     bool           `json:"up"`
	Report *lockd.Cluster `json:"report,omitempty"` // its own report; absent if it did not answer
}

func (v *clusterView) answer() statusAnswer {
	a := statusAnswer{Cluster: v.Cluster, Quorum: v.served(), Members: []memberAnswer{}}
	a.Voters, a.VotersUp = v.voters()
	for _, n := range v.Nodes {
		a.Members = append(a.Members, memberAnswer{n.Name, n.ID, v.up(n), v.own[n.ID]})
	}
	return a
}

func (v *clusterView) seenTable() *table {
	t := &table{Head: "CLUSTER\tSEEN-BY\tSTATE\tTERM\tREVISION\tAPPLIED"}
	t.Add(v.ID, v.Node.Name, v.Node.State, number(v.Term), number(v.Revision), number(v.AppliedIndex))
	return t
}

func (v *clusterView) nodeTable() *table {
	t := &table{Head: "NODE\tSTATUS\tROLE\tHEARD\tVERSION\tENTRIES\tLAST-LOG\tREVISION\tHTTP\tPEER"}
	for _, n := range v.Nodes {
		release, end, revision := "", "", ""
		if own := v.own[n.ID]; own != nil {
			release, revision = own.Node.Version, number(own.Revision)
			end = fmt.Sprintf("%d/%d", own.LastLogTerm, own.LastLogIndex)
		}
		t.Add(n.Name, upOrDown(v.up(n)), v.role(n), v.lastContact(n), release, number(n.Version), end, revision, n.HTTP, n.Peer)
	}
	return t
}

func upOrDown(up bool) string {
	if up {
		return "UP"
	}
	return "DOWN"
}

func (v *clusterView) role(n lockd.Node) string {
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
func (v *clusterView) lastContact(n lockd.Node) string {
	switch {
	case !v.leads() || n.LastContact == nil:
		return ""
	case v.up(n) && *n.LastContact < 1_000:
		return "now"
	case *n.LastContact < 1_000:
		return span(*n.LastContact) + " ago"
	}
	return duration(*n.LastContact) + " ago"
}
