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
)

const (
	// statusTimeout bounds how long status waits for each node, which it asks all at
	// once: the address that a node advertises may lead nowhere from here.
	statusTimeout = time.Second
	// heardWithin is how recently the leader must have heard of a node that does not
	// answer here, for it to count as up.
	heardWithin = lockd.Millis(2_000)
)

func newStatusCommand(c *cli) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show the quorum, the leader and each member",
		Long: `Show the quorum, the leader and each member.

Every member and every --addr is asked, all at once. A member is UP if it answers or,
where its address cannot be reached from here, if the leader heard of it within 2
seconds. VERSION is that of lockd, ENTRIES the newest version of log entries that the
node reads. LAST-LOG is the term and the index of the newest entry in its log: after a
quorum was lost for good, the node with the highest term has the newest data, and of
those the one with the highest index.

Exit codes: 0 a leader and a quorum of the voters are up; 69 there is no leader or no
quorum, or no node answered; 1 anything else.`,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.read(cmd, func(ctx context.Context, client *lockd.Client) error {
				first, err := client.Cluster(ctx)
				if err != nil {
					return err
				}
				v := newClusterView(first, c.askAll(ctx, first))
				if c.output == formatTable {
					fmt.Fprintln(c.out, v.headline())
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

// reply is what came of asking one node.
type reply struct {
	address string
	status  *lockd.Cluster
	err     error
}

// askAll asks the nodes that were named and all members.
func (c *cli) askAll(ctx context.Context, first *lockd.Cluster) []reply {
	var addresses []string
	if len(c.addrs) > 1 { // else it is the one that has answered
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
	var asked sync.WaitGroup
	for i, address := range addresses {
		asked.Go(func() {
			r := reply{address: address}
			client, err := c.clientOf([]string{address}, -1)
			if err == nil {
				r.status, err = client.Cluster(ctx)
			}
			r.err = err
			replies[i] = r
		})
	}
	asked.Wait()
	return replies
}

// A clusterView is the cluster as all of its nodes together show it.
type clusterView struct {
	*lockd.Cluster                           // as the leader sees it, or else the node that answered first
	own            map[string]*lockd.Cluster // what each node reported of itself, by ID
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

// leads reports whether a node that answered says that it leads. A follower does not
// know that its leader is dead for as long as an election takes.
func (v *clusterView) leads() bool { return v.Node.State == "leader" }

func (v *clusterView) up(n lockd.Node) bool {
	if v.own[n.ID] != nil {
		return true
	}
	return v.leads() && !v.refused[n.ID] && n.LastContact != nil && *n.LastContact < heardWithin
}

// voters returns how many voters there are, and how many are up.
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
	return fmt.Sprintf("quorum %d of %d, leader %s, term %d", up, all, plainText(v.Node.Name), v.Term)
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
	Report *lockd.Cluster `json:"report,omitempty"` // its own; absent if it did not answer
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
	t := &table{head: "CLUSTER\tSEEN-BY\tSTATE\tTERM\tREVISION\tAPPLIED"}
	t.add(v.ID, v.Node.Name, v.Node.State, number(v.Term), number(v.Revision), number(v.AppliedIndex))
	return t
}

func (v *clusterView) nodeTable() *table {
	t := &table{head: "NODE\tSTATUS\tROLE\tHEARD\tVERSION\tENTRIES\tLAST-LOG\tREVISION\tHTTP\tPEER"}
	for _, n := range v.Nodes {
		release, end, revision := "", "", ""
		if own := v.own[n.ID]; own != nil {
			release, revision = own.Node.Version, number(own.Revision)
			end = fmt.Sprintf("%d/%d", own.LastLogTerm, own.LastLogIndex)
		}
		t.add(n.Name, upOrDown(v.up(n)), v.role(n), v.heard(n), release, number(n.Version), end, revision, n.HTTP, n.Peer)
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

// heard shows when the leader last heard of a member: other nodes hear of it too, and
// do not notice at once that it is dead.
func (v *clusterView) heard(n lockd.Node) string {
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
