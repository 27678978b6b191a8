package trajectory

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/distillmesh/distillmesh/distill/distilltest"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/nn"
	"github.com/distillmesh/distillmesh/train/recipe"
)

func somePlan(t *testing.T) expertPlan {
	t.Helper()
	shape := data.Shape{C: 1, H: 8, W: 8}
	net, err := nn.ConvNet3(shape, 3, 2, 1)
	if err != nil {
		t.Fatal(err)
	}
	return expertPlan{Network: net, Samples: distilltest.Samples(shape, 3, []int{0, 2}, 20), Seed: 4,
		Recipe: recipe.Recipe{Optimizer: recipe.SGD, LR: 0.05, Batch: 16, Epochs: 3}}
}

func trainedExperts(t *testing.T, p expertPlan, dir string, workers int) []expert {
	t.Helper()
	ready := 0
	out, err := gatherExperts(context.Background(), p, 3, dir, device.Choice{Workers: workers}, func(int) { ready++ })
	if err != nil {
		t.Fatal(err)
	}
	if ready != 3 {
		t.Errorf("%d experts were ready, want 3", ready)
	}
	return out
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	out, err := filepath.Glob(filepath.Join(dir, "*", "*.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTrajectoriesBeginAtStartsOfTheirOwnAndMoveEveryEpoch(t *testing.T) {
	p := somePlan(t)
	experts := trainedExperts(t, p, "", 1)
	for i, e := range experts {
		if len(e) != p.Recipe.Epochs+1 || len(e[0]) != p.Network.NumParams() {
			t.Fatalf("expert %d: %d snapshots of %d, want %d of %d", i, len(e), len(e[0]), p.Recipe.Epochs+1,
				p.Network.NumParams())
		}
		for epoch := 1; epoch < len(e); epoch++ {
			if reflect.DeepEqual(e[epoch], e[epoch-1]) {
				t.Errorf("expert %d stands still in epoch %d", i, epoch)
			}
		}
	}
	if reflect.DeepEqual(experts[0][0], experts[1][0]) {
		t.Error("two experts begin at the same parameters")
	}
}

func TestExpertsAreTheSameForAnyWorkersAndFromFiles(t *testing.T) {
	p, dir := somePlan(t), t.TempDir()
	want := trainedExperts(t, p, "", 1)
	if !reflect.DeepEqual(want, trainedExperts(t, p, dir, 3)) {
		t.Error("three workers give others")
	}
	made := files(t, dir)
	if len(made) != 3 {
		t.Fatalf("files %q, want three", made)
	}
	old := time.Unix(1e9, 0)
	for _, f := range made {
		if err := os.Chtimes(f, old, old); err != nil {
			t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(want, trainedExperts(t, p, dir, 1)) {
		t.Error("files give others")
	}
	for _, f := range made {
		if info, err := os.Stat(f); err != nil || !info.ModTime().Equal(old) {
			t.Errorf("%s was made again", f)
		}
	}
}

func TestDamagedAndForeignFilesAreMadeAgain(t *testing.T) {
	p, dir := somePlan(t), t.TempDir()
	want := trainedExperts(t, p, dir, 1)
	made := files(t, dir)
	good, err := os.ReadFile(made[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(made[0], good, 0o600),
		os.WriteFile(made[2], good[:len(good)/2], 0o600)); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(want, trainedExperts(t, p, dir, 1)) {
		t.Error("files of other experts, or damaged, were believed")
	}
}

func TestOtherSamplesRecipesAndSeedsAreOtherExperts(t *testing.T) {
	p, dir := somePlan(t), t.TempDir()
	trainedExperts(t, p, dir, 1)
	q := p
	q.Samples = p.Samples.Subset([]int{0, 1, 2, 25, 26})
	trainedExperts(t, q, dir, 1)
	q = p
	q.Recipe.LR = 0.1
	trainedExperts(t, q, dir, 1)
	q = p
	q.Seed = 5
	trainedExperts(t, q, dir, 1)
	if made := files(t, dir); len(made) != 12 {
		t.Errorf("%d files, want 12", len(made))
	}
}

func TestGatherStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := gatherExperts(ctx, somePlan(t), 3, t.TempDir(), device.Choice{Workers: 2}, nil); !errors.Is(err,
		context.Canceled) {
		t.Errorf("%v, want %v", err, context.Canceled)
	}
}
