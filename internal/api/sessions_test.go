package api_test

import "testing"

func TestRenewSession(t *testing.T) {
	w := newWorld(t)
	w.post("/v1/sessions/renew", `{"session":"`+sessionA+`"}`).want(409, "not-holder").is("lost", "true")
	one := w.hold("one", "w1", sessionA)
	two := w.hold("two", "w1", sessionA)
	w.post("/v1/sessions/renew", `{"session":"`+sessionA+`"}`).want(200).is("leases.0.name", "one", "leases.0.token", one,
		"leases.0.expires_in_ms", "14985", "leases.1.name", "two", "waited_ms", "0", "revision", "2")
	w.post("/v1/sessions/renew", `{"session":"`+sessionA+`","leases":[{"name":"two","token":`+two+`},{"name":"one","token":999}]}`).
		want(200).is("leases.0.name", "two", "leases.1", "")
}

func TestReleaseSession(t *testing.T) {
	w := newWorld(t)
	one := w.hold("one", "w1", sessionA)
	w.hold("two", "w1", sessionA)
	w.hold("three", "w2", sessionB)
	w.post("/v1/leases/three/acquire", `{"holder":"w1","session":"`+sessionA+`","wait_ms":1}`).want(409)
	w.post("/v1/sessions/release", `{"session":"`+sessionA+`","leases":[{"name":"one","token":`+one+`}]}`).want(200).
		is("released.0.name", "one", "released.0.token", one, "released.1", "", "left", "[]")
	w.post("/v1/sessions/release", `{"session":"`+sessionA+`"}`).want(200).is("released.0.name", "two", "left.0", "three")
	w.post("/v1/sessions/release", `{"session":"`+sessionA+`"}`).want(200).is("released", "[]", "left", "[]")
	w.get("/v1/leases/three").is("queue_length", "0")
}
