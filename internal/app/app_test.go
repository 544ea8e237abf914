package app_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lockd/lockd/internal/app"
)

func TestSmoke(t *testing.T) {
	a, err := app.New(app.Config{DataDir: t.TempDir(), HTTPAddr: "127.0.0.1:0", PeerAddr: "127.0.0.1:0", Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- a.Run(ctx) }()
	base := "http://" + a.HTTPAddr()
	for i := 0; i < 100; i++ {
		r, err := http.Get(base + "/readyz")
		if err == nil && r.StatusCode == 200 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	post := func(path, body string) {
		r, err := http.Post(base+path, "", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(r.Body)
		t.Log(path, r.StatusCode, string(b))
	}
	get := func(path string) {
		r, err := http.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(r.Body)
		t.Log(path, r.StatusCode, string(b))
	}
	post("/v1/leases/a/acquire", `{"holder":"w1","session":"aaaaaaaaaaaaaaaa","ttl_ms":2000}`)
	post("/v1/leases/a/acquire", `{"holder":"w2","session":"bbbbbbbbbbbbbbbb"}`)
	post("/v1/leases/a/renew", `{"session":"aaaaaaaaaaaaaaaa"}`)
	get("/v1/leases/a")
	go post("/v1/leases/a/acquire", `{"holder":"w2","session":"bbbbbbbbbbbbbbbb","wait_ms":5000}`)
	time.Sleep(2500 * time.Millisecond)
	get("/v1/leases/a")
	get("/v1/leases/a/history")
	get("/v1/cluster")
	cancel()
	t.Log(<-done)
}
