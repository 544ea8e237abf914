package api_test

import (
	"testing"

	"github.com/lockd/lockd/internal/api"
)

func TestCluster(t *testing.T) {
	list := new(members)
	w := newWorld(t, func(c *api.Config) { list.node, c.Cluster = c.Cluster.(*members).node, list })
	w.get("/v1/cluster").want(200).is("cluster_id", "3b1f6a90c2d84e57", "node.name", "n1", "node.state", "leader", "leader", "n1",
		"term", "1", "applied_index", "5", "nodes", "[]", "node.insecure", "false", "node.open", "false")
	list.add(api.Member{ID: "n2-a", Name: "n2", HTTP: "http://n2:7400", Peer: "n2:7401", Voter: true, Version: 1, LastContact: new(int64)})
	w.get("/v1/cluster").want(200).is("nodes.0.id", "n2-a", "nodes.0.peer", "n2:7401", "nodes.0.http", "http://n2:7400")
	w.get("/v1/cluster").want(200).is("nodes.0.report", "")
	w.get("/v1/cluster?reports=true").want(200).is("nodes.0.report.version", "1.0.1", "nodes.0.report.applied_index", "7")
	w.get("/v1/cluster?reports=yes").want(400)
	w.post("/v1/cluster/join", `{"id":"n4","name":"n4","peer":"n4:7401","http":"http://n4:7400"}`).want(404)
	w.post("/v1/cluster/transfer-leader", ``).want(200)
	w.post("/v1/cluster/transfer-leader", `{}`).want(200)
	w.post("/v1/cluster/transfer-leader", `{"to":"n2"}`).want(200)
	w.post("/v1/cluster/transfer-leader", `{"to":"x"}`).want(409, "refused").is("detail", "Nothing changed: there is no such member.", "definitive", "true", "lost", "", "lease", "")
	w.post("/v1/cluster/remove", `{"id":"n3"}`).want(409, "refused")
	w.post("/v1/cluster/remove", `{"id":"n2"}`).want(200).is("nodes", "[]")
}
