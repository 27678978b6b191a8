package study

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/distillmesh/distillmesh/distill/distilltest"
	"github.com/distillmesh/distillmesh/distill/trial"
	"github.com/distillmesh/distillmesh/train/device"
)

func TestTheDocumentDoesNotDependOnWorkersOrInterruptions(t *testing.T) {
	p := smallPlan(t)
	p.Seeds = distilltest.Fewer(1, p.Seeds)
	want := asJSON(t, run(t, t.Context(), p, Options{Dir: t.TempDir(), Device: device.Choice{Workers: 1}}))
	three := Options{Dir: t.TempDir(), Device: device.Choice{Workers: 3}}
	if got := asJSON(t, run(t, t.Context(), p, three)); got != want {
		t.Errorf("three workers: %s\nwant %s", got, want)
	}
	dir := t.TempDir()
	interruptions := 0
	for limit := 3; ; limit += 5 {
		ctx, cancel := context.WithCancel(t.Context())
		reports := 0
		doc, err := Run(ctx, p, Options{Dir: dir, Device: device.Choice{Workers: 2}, Report: func(Progress) {
			if reports++; reports > limit {
				cancel()
			}
		}})
		cancel()
		if err == nil {
			if got := asJSON(t, doc.WithoutTimes()); got != want {
				t.Errorf("after %d interruptions: %s\nwant %s", interruptions, got, want)
			}
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		interruptions++
	}
	if interruptions < 5 {
		t.Errorf("%d interruptions tell little", interruptions)
	}
}

// Every stage ends where it says it would, federated rounds of a few clients too.
func TestStagesReachTheirEnd(t *testing.T) {
	p := smallPlan(t)
	p.Methods, p.Seeds, p.Consumers = []string{"gmm", "fedavg:rounds=2:epochs=1:fraction=0.5"}, 1, []string{"mlp"}
	var mu sync.Mutex
	last := map[string]Progress{}
	run(t, t.Context(), p, Options{Dir: t.TempDir(), Report: func(now Progress) {
		mu.Lock()
		defer mu.Unlock()
		if now.Total > 0 && now.Done >= last[now.Stage].Done {
			last[now.Stage] = now
		}
	}})
	for stage, now := range last {
		if now.Done != now.Total {
			t.Errorf("%s: %d of %d %s at the end", stage, now.Done, now.Total, now.Unit)
		}
	}
	if len(last) < 3 {
		t.Errorf("stages %v", last)
	}
}

// Two processes do not work in one folder, and what a killed one left half
// written goes, but nothing that is not the study's.
func TestAFolderHasOneStudyAtATime(t *testing.T) {
	p, dir := smallPlan(t), t.TempDir()
	p.Methods, p.Seeds, p.Consumers = []string{"gmm"}, 1, []string{"ntk:1"}
	left, foreign := filepath.Join(dir, "sets", "x", ".0001.state.123"), filepath.Join(dir, ".profile")
	if err := errors.Join(os.MkdirAll(filepath.Dir(left), 0o755), os.WriteFile(left, nil, 0o644),
		os.WriteFile(foreign, nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	var other store
	if err := other.open(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("half a file stays: %v", err)
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Errorf("a foreign file: %v", err)
	}
	if _, err := Run(t.Context(), p, Options{Dir: dir}); !errors.Is(err, trial.ErrInUse) {
		t.Errorf("a second study in the folder: %v", err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	run(t, t.Context(), p, Options{Dir: dir})
}

func TestDamagedRemainsAreMadeAgain(t *testing.T) {
	p, dir := smallPlan(t), t.TempDir()
	p.Methods, p.Seeds = []string{"gmm", "dm:iterations=3:width=4", "fedavg:rounds=2:steps=2"}, 1
	want := asJSON(t, run(t, t.Context(), p, Options{Dir: dir}))
	// What a set and a federated run under way would resume from.
	for pattern, write := range map[string]func(path string) error{
		"sets/dm-*/0001": func(path string) error {
			return errors.Join(os.RemoveAll(path), os.WriteFile(path+".state", []byte("{"), 0o644))
		},
		"runs/fedavg-*.mlp.*.json": func(path string) error {
			whole := strings.TrimSuffix(path, ".json")
			return errors.Join(os.Remove(path), os.WriteFile(whole+".part", []byte(`{"Round": 1}`), 0o644),
				os.WriteFile(whole+".1.state", []byte("{"), 0o644))
		},
	} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(paths) != 1 {
			t.Fatalf("%s: %v, %v", pattern, paths, err)
		}
		if err := write(paths[0]); err != nil {
			t.Fatal(err)
		}
	}
	for _, pattern := range []string{"runs/*.json", "sets/*/0001/data.safetensors", "sets/*/0002/client.json"} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %v, %v", pattern, paths, err)
		}
		for _, path := range paths {
			if err := os.WriteFile(path, []byte("{"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := asJSON(t, run(t, t.Context(), p, Options{Dir: dir})); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}
