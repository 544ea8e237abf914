package members

import (
	"context"
	"slices"
	"sync"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
)

// queryTimeout is how long Query waits for the nodes, which it queries in parallel. The advertised address of a node may
// not be reachable from here.
const queryTimeout = time.Second

// Query asks a node for the members, and then queries all members and all addresses. connect returns a client of one
// address.
func Query(ctx context.Context, client *lockd.Client, addresses []string, connect func(address string) (*lockd.Client, error)) (*View, error) {
	first, err := client.Cluster(ctx)
	if err != nil {
		return nil, err
	}
	if addresses = slices.Clone(addresses); len(addresses) == 1 {
		addresses = nil // a single node has already answered
	}
	for _, n := range first.Nodes {
		if n.ID != first.Node.ID && n.HTTP != "" {
			addresses = append(addresses, n.HTTP)
		}
	}
	slices.Sort(addresses)
	addresses = slices.Compact(addresses)
	replies := make([]Reply, len(addresses))
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var queries sync.WaitGroup
	for i, address := range addresses {
		queries.Go(func() {
			r := Reply{Address: address}
			client, err := connect(address)
			if err == nil {
				r.Status, err = client.Cluster(ctx)
			}
			r.Err = err
			replies[i] = r
		})
	}
	queries.Wait()
	return NewView(first, replies), nil
}
