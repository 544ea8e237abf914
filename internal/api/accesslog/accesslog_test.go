package accesslog

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func written(mode Mode, level slog.Level, write func(*Log)) string {
	var out strings.Builder
	write(New(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: level})), mode))
	return out.String()
}

func TestModeSelectsTheLevel(t *testing.T) {
	requests := map[string]Request{
		"read": {Method: "GET", Action: "lease.get", Status: 200}, "failed read": {Method: "GET", Action: "lease.get", Status: 503},
		"write": {Method: "POST", Action: "lease.acquire", Status: 201}, "refused write": {Method: "POST", Action: "lease.acquire", Status: 409},
		"renewal": {Method: "POST", Action: "lease.renew", Status: 200}, "session": {Method: "POST", Action: "session.renew", Status: 200},
		"update": {Method: "PUT", Action: "kube.lease.update", Status: 200}, "failed renewal": {Method: "POST", Action: "lease.renew", Status: 504},
		"unknown": {Method: "POST", Status: 404}, "probe": {Method: "GET", Route: "/readyz", Status: 503},
	}
	for mode, info := range map[Mode]string{
		Off: "", Errors: "failed read, failed renewal", All: "failed read, failed renewal, probe, read, refused write, renewal, session, unknown, update, write",
		Writes: "failed read, failed renewal, refused write, unknown, write", "": "failed read, failed renewal, refused write, unknown, write",
	} {
		for name, r := range requests {
			want := ""
			switch {
			case strings.Contains(", "+info+",", ", "+name+","):
				want = "level=INFO"
			case mode != Off:
				want = "level=DEBUG"
			}
			got := written(mode, slog.LevelDebug, func(l *Log) { l.Write(context.Background(), &r) })
			if !strings.Contains(got, want) || want == "" && got != "" {
				t.Errorf("%q, %s: got %q, want %q", mode, name, got, want)
			}
		}
	}
}

// A flood of requests must not fill the disk of the log, and must be visible.
func TestLinesAreBoundedAndSkippedOnesCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := written(All, slog.LevelInfo, func(l *Log) {
			for range MaxRate + 7 {
				l.Write(context.Background(), &Request{Method: "POST"})
			}
			time.Sleep(time.Second)
			l.Write(context.Background(), &Request{Method: "POST"})
			l.Write(context.Background(), &Request{Method: "POST"})
		})
		if n := strings.Count(got, "\n"); n != MaxRate+2 || strings.Count(got, "skipped=7") != 1 || strings.Count(got, "skipped=") != 1 {
			t.Errorf("%d lines, the end is %q", n, got[len(got)-300:])
		}
	})
}
