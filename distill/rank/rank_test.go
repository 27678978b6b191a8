package rank

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/coreset"
	"github.com/distillmesh/distillmesh/distill/distilltest"
	"github.com/distillmesh/distillmesh/distill/kip"
	"github.com/distillmesh/distillmesh/train/data"
)

// blobs is a task whose corners are hidden in part by noise.
func blobs(t *testing.T) *data.Dataset { return distilltest.Corners(t, 1, 0.25, 0.5, 90) }

// candidate is sets of as many clients, each with all the data.
func candidate(t *testing.T, ds *data.Dataset, m distill.Method, ipc, clients int,
	pixels artifact.PixelType) Candidate {
	t.Helper()
	all, err := data.LoadAll(ds.Task, ds.Train)
	if err != nil {
		t.Fatal(err)
	}
	c := Candidate{Name: m.Name(), Method: m.Name()}
	for k := range clients {
		made, err := artifact.Make(t.Context(), artifact.Request{Task: ds.Task, Method: m, Pixels: pixels, Bare: true,
			Request: distill.Request{Samples: all, IPC: ipc, Seed: uint64(100 + k)}})
		if err != nil {
			t.Fatal(err)
		}
		c.Sets, c.Bytes = append(c.Sets, &made.Set), append(c.Bytes, made.Files.Bytes())
	}
	return c
}

// quick is a recipe of few steps.
func quick(t *testing.T, labels Labels) *Recipe {
	t.Helper()
	doc := "labels = \"" + string(labels) + "\"\nrates = [0.01, 0.05]\n"
	if labels == Teacher {
		doc += "temperature = 4\n"
	}
	doc += "[train]\noptimizer = \"sgd\"\nmomentum = 0.9\nweight_decay = 5e-4\nschedule = \"step\"\ndrop = 0.5\n" +
		"epochs = 20\nbatch = 32\naugment = \"crop\"\n"
	if labels == Teacher {
		doc += "mix = \"cutmix\"\nmix_beta = 1.0\n"
	}
	r, err := ParseRecipe("quick", []byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	return &r
}

// small is a plan of a few seconds.
func small(t *testing.T, labels Labels) Plan {
	t.Helper()
	p := Default()
	p.Data, p.Models, p.Recipe = blobs(t), []string{"mlp", "ntk:1"}, quick(t, labels)
	p.Trials, p.References, p.Epochs = 3, 2, 3
	return p
}

func ranked(t *testing.T, ctx context.Context, p Plan, dir string) *Document {
	t.Helper()
	doc, err := Run(ctx, p, Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func text(t *testing.T, d *Document) string {
	t.Helper()
	out, err := json.MarshalIndent(d, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestHardLabelsLeaveOneSumForEveryMethod(t *testing.T) {
	p := small(t, Hard)
	p.Candidates = []Candidate{candidate(t, p.Data, coreset.Herding{}, 4, 1, artifact.U8),
		candidate(t, p.Data, coreset.KCenter{}, 4, 1, artifact.F32)}
	doc := ranked(t, t.Context(), p, t.TempDir())
	if len(doc.Rows) != 4 || len(doc.Tau) != 1 {
		t.Fatalf("%d rows, %v", len(doc.Rows), doc.Tau)
	}
	for _, r := range doc.Rows {
		sum, want := r.HLR.Mean+r.IOR.Mean, r.AccReal.Mean-r.AccRandomOwn.Mean
		if math.Abs(sum-want) > 1e-12 {
			t.Errorf("%s on %s: HLR + IOR = %v, want %v", r.Set, r.Model, sum, want)
		}
		other := doc.Rows[0]
		if r.Model == "ntk:1" {
			other = doc.Rows[2]
		}
		if *r.AccReal != *other.AccReal || *r.AccRandomOwn != *other.AccRandomOwn {
			t.Errorf("%s on %s has references of its own", r.Set, r.Model)
		}
		if *r.AccSynHard != *r.AccSynOwn {
			t.Errorf("hard labels trained twice: %v and %v", r.AccSynHard, r.AccSynOwn)
		}
		// Random images take one byte per pixel, so there are more than of four bytes, but for what else a set holds.
		if want := map[string]int{"herding": 12, "k-center": 45}[r.Set]; r.RandomImages != want {
			t.Errorf("%s: %d random real images in %d bytes, want %d", r.Set, r.RandomImages, r.Bytes, want)
		}
		if closed := r.Model == "ntk:1"; closed != (r.ARS == nil) || closed != (r.Best == nil) {
			t.Errorf("%s on %s: ARS %v, best %v", r.Set, r.Model, r.ARS, r.Best)
		}
	}
}

func TestRandomRealImagesGainNothing(t *testing.T) {
	p := small(t, Hard)
	p.Augmented, p.Trials, p.Models = false, 8, []string{"mlp"}
	p.Candidates = []Candidate{candidate(t, p.Data, coreset.Random{}, 8, 2, artifact.F32)}
	r := ranked(t, t.Context(), p, t.TempDir()).Rows[0]
	// Over seeds the set stays the same, random draws do not.
	if d := math.Abs(r.IOR.Mean); d > 3*r.AccRandomOwn.Std {
		t.Errorf("IOR %v, random real %v", *r.IOR, *r.AccRandomOwn)
	}
}

func TestAllDataRecoverEverything(t *testing.T) {
	p := small(t, Hard)
	full, err := referenceRecipe(p.Epochs)
	if err != nil {
		t.Fatal(err)
	}
	p.Recipe, p.Augmented, p.ByBytes, p.Models = &full, false, false, []string{"mlp"}
	p.Candidates = []Candidate{candidate(t, p.Data, coreset.Random{}, 72, 1, artifact.F32)}
	r := ranked(t, t.Context(), p, t.TempDir()).Rows[0]
	if spread := r.AccReal.Std + r.AccSynHard.Std + 0.03; math.Abs(r.HLR.Mean) > spread {
		t.Errorf("HLR %v, all data %v, as a set %v", *r.HLR, *r.AccReal, *r.AccSynHard)
	}
}

func TestTheSameSeedsGiveTheSameDocument(t *testing.T) {
	p := small(t, Teacher)
	p.Candidates = []Candidate{candidate(t, p.Data, coreset.Herding{}, 3, 2, artifact.U8)}
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	var done int64
	_, err := Run(ctx, p, Options{Dir: dir, Report: func(now Progress) {
		if now.Stage == "train mlp" && now.Done == 2 {
			done = now.Done
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) || done == 0 {
		t.Fatalf("after %d trainings: %v", done, err)
	}
	kept, err := filepath.Glob(filepath.Join(dir, "runs", "*.json"))
	if err != nil || len(kept) < 2 {
		t.Fatalf("%d records, %v", len(kept), err)
	}
	stamps := map[string]os.FileInfo{}
	for _, name := range kept {
		if stamps[name], err = os.Stat(name); err != nil {
			t.Fatal(err)
		}
	}
	resumed := text(t, ranked(t, t.Context(), p, dir))
	for name, before := range stamps {
		if now, err := os.Stat(name); err != nil || !os.SameFile(before, now) {
			t.Errorf("%s was made again, %v", name, err)
		}
	}
	if fresh := text(t, ranked(t, t.Context(), p, t.TempDir())); fresh != resumed {
		t.Errorf("resumed:\n%s\nfresh:\n%s", resumed, fresh)
	}
	priced, err := Run(t.Context(), p, Options{Dir: dir, Costs: true})
	if err != nil {
		t.Fatal(err)
	}
	c := priced.Costs
	if priced.Costs = nil; text(t, priced) != resumed {
		t.Error("what it took is not apart from the rest")
	}
	if len(c.Rows) != len(priced.Rows) || c.Rows[0].Trainings == 0 || c.Rows[0].TrainSeconds <= 0 ||
		c.Rows[0].RealSeconds <= 0 || c.PeakRSS <= 0 {
		t.Errorf("costs %+v", c)
	}
}

func TestOwnLabelsAreThoseOfTheSetAndOfItsControls(t *testing.T) {
	p := small(t, Stored)
	p.Augmented, p.Trials = false, 2
	predictor, err := kip.Default().With(map[string]string{"steps": "30"})
	if err != nil {
		t.Fatal(err)
	}
	p.Candidates = []Candidate{candidate(t, p.Data, predictor, 2, 1, artifact.F32)}
	soft := candidate(t, p.Data, coreset.Herding{}, 2, 1, artifact.F32)
	soft.Name = "soft"
	set := *soft.Sets[0]
	samples := *set.Samples
	samples.Soft = softmax(make([]float32, samples.Len()*samples.Classes), samples.Classes) // nothing is known
	set.Samples, soft.Sets[0] = &samples, &set
	p.Candidates = append(p.Candidates, soft)
	doc := ranked(t, t.Context(), p, t.TempDir())
	for _, r := range doc.Rows {
		if r.HLR == nil || r.LRS == nil {
			t.Errorf("%s on %s: %+v", r.Set, r.Model, r)
		}
		if r.Set == "soft" && r.Model == "mlp" && r.AccSynOwn.Mean > r.AccSynHard.Mean-0.1 {
			t.Errorf("labels that say nothing give %v, hard ones %v", *r.AccSynOwn, *r.AccSynHard)
		}
	}
}

func TestPlansThatCannotBeRankedAreRefusedBeforeAnyWork(t *testing.T) {
	good := small(t, Hard)
	good.Candidates = []Candidate{candidate(t, good.Data, coreset.Herding{}, 2, 1, artifact.U8)}
	other := blobs(t)
	other.Task.Classes = append(other.Task.Classes, "d")
	for name, spoil := range map[string]func(p *Plan){
		"no test part":       func(p *Plan) { ds := *p.Data; ds.Test = nil; p.Data = &ds },
		"no sets":            func(p *Plan) { p.Candidates = nil },
		"no model":           func(p *Plan) { p.Models = nil },
		"an unknown model":   func(p *Plan) { p.Models = []string{"brain"} },
		"a model twice":      func(p *Plan) { p.Models = []string{"mlp", "mlp"} },
		"a set twice":        func(p *Plan) { p.Candidates = append(p.Candidates, p.Candidates[0]) },
		"no trials":          func(p *Plan) { p.Trials = 0 },
		"absurdly many":      func(p *Plan) { p.Trials = 1e6 },
		"a weight of NaN":    func(p *Plan) { p.ByLabels = math.NaN() },
		"another task":       func(p *Plan) { p.Data = other },
		"epochs of days":     func(p *Plan) { p.Epochs = 1e6 },
		"an unsized set":     func(p *Plan) { c := p.Candidates[0]; c.Bytes = nil; p.Candidates = []Candidate{c} },
		"no references":      func(p *Plan) { p.References = 0 },
		"a weight of two":    func(p *Plan) { p.ByAugmentation = 2 },
		"a model of no kind": func(p *Plan) { p.Models = []string{"ntk:x"} },
	} {
		p := good
		spoil(&p)
		dir := filepath.Join(t.TempDir(), "none")
		if _, err := Run(t.Context(), p, Options{Dir: dir}); !errors.Is(err, ErrPlan) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s: work began", name)
		}
	}
}

func TestRecipesOfTheProgramAreRead(t *testing.T) {
	for _, name := range append(ShippedNames(), reference) {
		r, err := Shipped(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Rates) != 5 || r.Train.Epochs < 200 {
			t.Errorf("%s: %+v", name, r)
		}
	}
	for method, want := range map[string]string{"dc": "dc", "dm": "dsa", "mtt": "dsa", "gmm": "dsa", "att": "dsa",
		"datm": "datm",
		"rded": "rded", "dwa": "dwa", "gvbsm": "gvbsm", "edc": "edc", "made elsewhere": "dsa"} {
		if r, err := For(method); err != nil || r.Name != want {
			t.Errorf("%s: %s, %v", method, r.Name, err)
		}
	}
	ends := func(name string) float64 {
		r, err := Shipped(name)
		if err != nil {
			t.Fatal(err)
		}
		return r.at(1).Rate(1000, 1000)
	}
	if got := ends("rded"); math.Abs(got-0.5) > 1e-12 {
		t.Errorf("cosine ends at %v of the rate", got)
	}
	annealed, err := ParseRecipe("own", []byte("labels = \"hard\"\n[train]\noptimizer = \"adam\"\nepochs = 2\nbatch = 2\n"+
		"schedule = \"cosineannealing\"\n"))
	if err != nil || annealed.at(1).Rate(1000, 1000) > 1e-12 {
		t.Errorf("cosineannealing: %+v, %v", annealed, err)
	}
}

func TestRecipesThatMeanNothingAreRefused(t *testing.T) {
	const good = "labels = \"hard\"\n[train]\noptimizer = \"sgd\"\nepochs = 2\nbatch = 2\n"
	if _, err := ParseRecipe("good", []byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, doc := range map[string]string{
		"an unknown key":              "colour = 1\n" + good,
		"an unknown key of training":  good + "colour = 1\n",
		"no TOML":                     "labels = ",
		"an unknown schedule":         good + "schedule = \"half-cosine\"\n",
		"a learning rate":             good + "lr = 0.1\n",
		"labels of nobody":            strings.Replace(good, "hard", "soft", 1),
		"a teacher at no temperature": strings.Replace(good, "hard", "teacher", 1),
		"a temperature of NaN":        "temperature = nan\n" + strings.Replace(good, "hard", "teacher", 1),
		"squares of hard labels":      "loss = \"squares\"\n" + good,
		"another loss":                "loss = \"cubes\"\n" + strings.Replace(good, "hard", "teacher", 1),
		"squares at a temperature":    "loss = \"squares\"\ntemperature = 2\n" + strings.Replace(good, "hard", "teacher", 1),
		"classes without squares":     "truth = 0.5\ntemperature = 2.0\n" + strings.Replace(good, "hard", "teacher", 1),
		"too many teachers": "teacher = \"" + strings.Repeat("mlp,", 8) + "mlp\"\ntemperature = 2.0\n" +
			strings.Replace(good, "hard", "teacher", 1),
		"mixed and hard":    good + "mix = \"mixup\"\nmix_beta = 1.0\n",
		"training for days": strings.Replace(good, "epochs = 2", "epochs = 1000000", 1),
		"no rate":           "rates = []\n" + good,
		"a rate of zero":    "rates = [0.0]\n" + good,
		"an infinite rate":  "rates = [inf]\n" + good,
		"a resolution":      good + "band = 64\n",
	} {
		if r, err := ParseRecipe(name, []byte(doc)); !errors.Is(err, ErrRecipe) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

func TestFlipsAreLeftOutWhereTheyChangeTheClass(t *testing.T) {
	r, err := Shipped("dsa")
	if err != nil {
		t.Fatal(err)
	}
	if got := r.On(false).Train.Augment; got != "dsa-noflip" {
		t.Error(got)
	}
	teacher, err := Shipped("rded")
	if err != nil {
		t.Fatal(err)
	}
	if got := teacher.On(false).Train.Augment; got != "crop" {
		t.Error(got)
	}
	if r.On(true).Train.Augment != "dsa" || teacher.On(true).Train.Augment != "crop_flip" {
		t.Error("flips are left out where they are harmless")
	}
}
