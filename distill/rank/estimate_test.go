package rank

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/coreset"
)

// plan is one whose only network costs a second per sample to train and nothing to evaluate, on one core.
func costly(t *testing.T) (Plan, *Cost) {
	t.Helper()
	p := small(t, Hard)
	p.Models = []string{"mlp", "ntk:1"}
	p.Candidates = []Candidate{candidate(t, p.Data, coreset.Herding{}, 4, 1, artifact.U8)}
	return p, &Cost{map[string]speed{"mlp": {train: time.Second}}, 1}
}

func TestTheTimeOfAPlanCountsEverySampleOfEveryTraining(t *testing.T) {
	p, cost := costly(t)
	got, err := cost.Of(p)
	// 240 samples x 3 epochs: 5 rates and 2 references; 12 images x 20 epochs: 5 arms of 2 rates and 3 trials.
	if want := time.Second * (7*240*3 + 5*5*12*20); err != nil || got != want {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	cost.workers = 2
	if half, err := cost.Of(p); err != nil || half != got/2 {
		t.Errorf("on two cores %v, %v", half, err)
	}
}

func TestATimeLimitLeavesOutTheLeastFirstAndSaysSo(t *testing.T) {
	p, cost := costly(t)
	whole, err := cost.Of(p)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		most                time.Duration
		trials              int
		augmented, by       bool
		references, remarks int
	}{
		"time enough":                {whole, 3, true, true, 2, 0},
		"a trial less":               {whole - time.Second, 2, true, true, 2, 1},
		"no ARS":                     {time.Second * (7*240*3 + 3*4*12*20), 2, false, true, 2, 2},
		"no random images in bytes":  {time.Second * (7*240*3 + 2*4*12*20), 2, false, false, 2, 3},
		"one reference":              {time.Second * (6*240*3 + 2*4*12*20), 2, false, false, 1, 4},
		"one trial, of the least":    {time.Second * (6*240*3 + 2*3*12*20), 1, false, false, 1, 4},
		"more time than it can take": {10 * whole, 3, true, true, 2, 0},
	} {
		got, notes, err := cost.Within(p, c.most)
		if err != nil || got.Trials != c.trials || got.Augmented != c.augmented || got.ByBytes != c.by ||
			got.References != c.references || len(notes) != c.remarks {
			t.Errorf("%s: %d trials, %v, %v, %d references; %q, %v", name, got.Trials, got.Augmented, got.ByBytes,
				got.References, notes, err)
		}
	}
	if _, _, err := cost.Within(p, time.Second); !errors.Is(err, ErrPlan) {
		t.Errorf("a second: %v", err)
	}
}

func TestSpeedIsMeasuredOfNetworksOnly(t *testing.T) {
	p, _ := costly(t)
	cost, err := Measure(t.Context(), p, Options{})
	if err != nil || len(cost.speeds) != 1 || cost.speeds["mlp"].predict <= 0 {
		t.Errorf("%+v, %v", cost, err)
	}
}

func TestASetThatIsMadeToBeRankedIsMadeOnce(t *testing.T) {
	ds, dir := blobs(t), t.TempDir()
	make := func() Candidate {
		c, err := Make(t.Context(), Making{Data: ds, Label: "gmm", IPC: 2, Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	first := make()
	folders, err := filepath.Glob(filepath.Join(dir, setsFolder, "*"))
	if err != nil || len(folders) != 1 || first.Method != "gmm" || first.images() != 6 || first.bytes() == 0 {
		t.Fatalf("%v, %v, %+v", folders, err, first)
	}
	if second := make(); !slices.Equal(second.Sets[0].Samples.X, first.Sets[0].Samples.X) {
		t.Error("it was made otherwise")
	}
	for _, label := range []string{"none", "gmm:speed=3", "gmm:x"} {
		if _, err := Make(t.Context(), Making{Data: ds, Label: label, IPC: 1, Dir: dir}); !errors.Is(err, ErrPlan) {
			t.Errorf("%s: %v", label, err)
		}
	}
}
