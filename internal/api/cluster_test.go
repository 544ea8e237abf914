package api_test

import "testing"

func TestCluster(t *testing.T) {
	w := newWorld(t)
	w.get("/v1/cluster").want(200).is("cluster_id", "3b1f6a90c2d84e57", "node.name", "n1", "node.state", "leader", "leader", "n1",
		"term", "1", "applied_index", "5", "nodes", "[]")
	w.post("/v1/cluster/join", `{"id":"n2-a","name":"n2","peer":"n2:7401","http":"http://n2:7400"}`).want(200).
		is("nodes.0.id", "n2-a", "nodes.0.peer", "n2:7401", "nodes.0.http", "http://n2:7400")
	w.post("/v1/cluster/transfer-leader", ``).want(200)
	w.post("/v1/cluster/transfer-leader", `{}`).want(200)
	w.post("/v1/cluster/transfer-leader", `{"to":"n2"}`).want(200)
	w.post("/v1/cluster/transfer-leader", `{"to":"x"}`).want(409, "refused").is("detail", "Nothing changed: there is no such member.", "definitive", "true", "lost", "", "lease", "")
	w.post("/v1/cluster/remove", `{"id":"n3"}`).want(409, "refused")
	w.post("/v1/cluster/join", `{"id":"n4","name":"-n4","peer":"n4:7401","http":"http://n4:7400"}`).want(400, "invalid").is("errors.0.field", "name")
	w.post("/v1/cluster/join", `{"id":"n4","name":"n4","peer":"n 4:7401","http":"http://n4:7400"}`).want(400, "invalid").is("errors.0.field", "peer")
	for peer, ok := range map[string]bool{"n4:7401": true, "[::1]:1": true, "n4": false, "n4:": false, ":1": false, "[::1:1": false, "[]:1": false, "n4:x": false, "n4:123456": false, "http://n4:1": false} {
		status := 400
		if ok {
			status = 200
		}
		w.post("/v1/cluster/join", `{"id":"n2-a","name":"n2","peer":"`+peer+`","http":"https://n5:7400"}`).want(status)
	}
	w.post("/v1/cluster/join", `{"id":"n5","name":"n5","peer":"n5:1","http":"ftp://n5:7400"}`).want(400, "invalid").is("errors.0.field", "http")
	w.post("/v1/cluster/remove", `{"id":"n2"}`).want(200).is("nodes", "[]")
}
