package chaos

import (
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

// everything is a machine with all capabilities.
func everything() capabilities { return capabilities{} }

func TestSeedDeterminesTheSchedule(t *testing.T) {
	first, again := generate(7, 3, defaultDose(), everything()), generate(7, 3, defaultDose(), everything())
	if !reflect.DeepEqual(first, again) {
		t.Error("two schedules of one seed differ")
	}
	if reflect.DeepEqual(first.Bouts, generate(8, 3, defaultDose(), everything()).Bouts) {
		t.Error("another seed makes the same schedule")
	}
}

func TestSavedScheduleIsLoadedUnchanged(t *testing.T) {
	s := generate(7, 5, longDose(10*time.Minute), everything())
	path := filepath.Join(t.TempDir(), "schedule.json")
	if err := s.save(path); err != nil {
		t.Fatal(err)
	}
	loaded, err := loadSchedule(path)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(s, loaded) {
		t.Error("what was saved is not what is loaded")
	}
}

func TestDefaultDoseHasFaultsOfManyKinds(t *testing.T) {
	for seed := range uint64(50) {
		s := generate(seed, 3, defaultDose(), everything())
		kinds, faults := make(map[string]int), 0
		for _, b := range s.Bouts {
			for _, step := range b.Steps {
				kinds[step.Kind]++
				faults++
			}
		}
		for kind, least := range map[string]int{
			"kill": 10, "transfer": 10, "power": 6, "hung-disk": 1, "fsync-error": 1, "full-disk": 1, "isolate": 1, "replace": 1,
		} {
			if kinds[kind] < least {
				t.Errorf("seed %d: %d of %s, want %d", seed, kinds[kind], kind, least)
			}
		}
		if faults < wanted(s).faults || len(kinds) < wanted(s).kinds {
			t.Errorf("seed %d: %d faults of %d kinds", seed, faults, len(kinds))
		}
	}
}

func TestLongScheduleHasEveryKind(t *testing.T) {
	s := generate(1, 5, longDose(time.Hour), everything())
	seen := make(map[string]bool)
	for _, b := range s.Bouts {
		for _, step := range b.Steps {
			seen[step.Kind] = true
		}
	}
	for _, k := range catalogue() {
		if !seen[k.name] {
			t.Errorf("there is no %s", k.name)
		}
	}
}

func TestFaultsOfABoutDoNotCollide(t *testing.T) {
	for seed := range uint64(20) {
		for _, b := range generate(seed, 5, longDose(20*time.Minute), everything()).Bouts {
			taken := make(map[string]bool)
			for _, step := range b.Steps {
				k, err := kindNamed(step.Kind)
				if err != nil {
					t.Fatal(err)
				}
				key := string(k.area) + step.Target
				if taken[key] || taken[string(k.area)+allNodes] || k.area == onCluster && len(b.Steps) > 1 {
					t.Errorf("seed %d: %v", seed, b.Steps)
				}
				taken[key] = true
			}
		}
	}
}

func TestUnsupportedFaultsAreNotScheduled(t *testing.T) {
	can := capabilities{hasInjection: "there is no tracer", hasPowerCut: "not supported by the kernel"}
	for _, b := range generate(1, 3, longDose(time.Hour), can).Bouts {
		for _, step := range b.Steps {
			if step.Kind == "fsync-error" || step.Kind == "slow-disk" || step.Kind == "power" {
				t.Errorf("there is a %v", step)
			}
		}
	}
}
