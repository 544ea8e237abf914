package loglevel

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

func TestTemporaryLevelEndsAtTheLastPermanentOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := New(slog.LevelInfo)
		v.Set(slog.LevelWarn, 0)
		v.Set(slog.LevelDebug, time.Minute)
		v.Set(slog.LevelError, 2*time.Minute) // replaces the first
		for _, want := range []slog.Level{slog.LevelError, slog.LevelError, slog.LevelWarn, slog.LevelWarn} {
			if got := v.Level(); got != want {
				t.Errorf("the level is %v, want %v", got, want)
			}
			time.Sleep(time.Minute)
		}
		if s := v.State(); !s.Until.IsZero() {
			t.Errorf("an ended change is shown: %+v", s)
		}
	})
}
