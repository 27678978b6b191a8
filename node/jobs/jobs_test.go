package jobs

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/auto"
	"github.com/distillmesh/distillmesh/distill/registry"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/home"
	"github.com/distillmesh/distillmesh/node/localdata"
	"github.com/distillmesh/distillmesh/node/nodetest"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/node/work"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/model"
	"github.com/distillmesh/distillmesh/train/plan"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// digits is a node with one client's share of the built-in digits.
func digits(t *testing.T) (*nodetest.Node, string) {
	t.Helper()
	n, err := nodetest.New()
	if err != nil {
		t.Fatal(err)
	}
	whole, err := localdata.Add(t.Context(), n, data.GlyphPath, localdata.Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	split := data.Split{Kind: data.Ring, Clients: 100, PerClient: 2}
	if _, err := localdata.Split(t.Context(), n, whole.Name, split, 0); err != nil {
		t.Fatal(err)
	}
	return n, split.PartName(whole.Name, 0)
}

// made distills a set by gmm and returns its CID.
func made(t *testing.T, n *nodetest.Node, name string, seed uint64) operations.SetInfo {
	t.Helper()
	info, err := Distill(t.Context(), n, DistillOptions{Data: name, Method: "gmm", IPC: 1, Seed: seed}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return info.SetInfo
}

// short is a training of few steps.
var short = recipe.Patch(`{"min_steps": 20, "max_steps": 20}`)

// planned is the plan of a training on the built-in digits.
func planned(model string, change recipe.Patch) plan.Train {
	return plan.Train{Version: plan.SchemaVersion, Task: "glyph-digits", Model: model, Recipe: change}
}

func TestASetIsMadeAndHandedOver(t *testing.T) {
	n, name := digits(t)
	first, again := made(t, n, name, 1), made(t, n, name, 1)
	if first.CID != again.CID || first.Images != 2 || first.Method != "gmm" || first.Origin != name {
		t.Errorf("made %+v, then %s", first, again.CID)
	}
	pixels, err := Distill(t.Context(), n, DistillOptions{Data: name, Method: "gmm", IPC: 1, Pixels: artifact.U8}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for cid, want := range map[string][]string{first.CID: {artifact.SmallFile},
		pixels.CID: {artifact.CardFile, artifact.DataFile, artifact.ManifestFile, artifact.PreviewFile}} {
		if got := n.Kept(cid).Files.Names(); !slices.Equal(got, want) {
			t.Errorf("handed over %v, want %v", got, want)
		}
	}
	set, err := ReadSet(t.Context(), n, first.CID)
	if err != nil || set.Task.Name != "glyph-digits" || set.Samples.Len() != 2 {
		t.Errorf("read back: %v, %v", set, err)
	}
	if other := made(t, n, name, 2); other.CID == first.CID {
		t.Error("another seed makes the same set")
	}
}

func TestOptionsThatContradictAreRefused(t *testing.T) {
	n, name := digits(t)
	for what, opt := range map[string]DistillOptions{
		"settings for auto":            {Data: name, Method: auto.Name, Options: map[string]string{"a": "1"}, IPC: 1},
		"a time for another method":    {Data: name, Method: "gmm", Time: 1, IPC: 1},
		"pixels that do not exist":     {Data: name, Method: "gmm", Pixels: "U3", IPC: 1},
		"data that are not registered": {Data: "nothing", Method: "gmm", IPC: 1},
	} {
		_, err := Distill(t.Context(), n, opt, nil)
		if d := api.Describe(err); d.Code != api.CodeUsage || d.Hint == "" {
			t.Errorf("%s: %+v", what, *d)
		}
	}
	crowd := device.Choice{Workers: device.MaxWorkers + 1}
	if _, err := Distill(t.Context(), n, DistillOptions{Data: name, Method: "gmm", Device: crowd, IPC: 1},
		nil); !errors.Is(err, device.ErrWorkers) {
		t.Errorf("workers without end: %v", err)
	}
	if _, err := Distill(t.Context(), n, DistillOptions{Data: name, Method: "gm", IPC: 1}, nil); err == nil ||
		!strings.Contains(err.Error(), auto.Name) {
		t.Errorf("an unknown method: %v", err)
	}
}

func TestWorkWithoutAnEngineOnTheDeviceIsRefused(t *testing.T) {
	n, name := digits(t)
	on := device.Choice{Name: device.Gorgonia}
	_, err := Distill(t.Context(), n, DistillOptions{Data: name, Method: "gmm", Device: on, IPC: 1}, nil)
	if !errors.Is(err, device.ErrUnavailable) || !strings.Contains(err.Error(), "method gmm") {
		t.Errorf("a method in closed form: %v", err)
	}
	made(t, n, name, 1)
	p := planned("ridge", nil)
	p.Device = on
	if _, err := Train(t.Context(), n, p, home.Home{}, nil); !errors.Is(err, device.ErrUnavailable) ||
		!strings.Contains(err.Error(), "model ridge") {
		t.Errorf("a model in closed form: %v", err)
	}
}

func TestWorkOfTwoEnginesKeepsTwoStates(t *testing.T) {
	h := home.Home{Path: t.TempDir()}
	task := data.WellKnownTask("glyph-digits")
	spec, err := model.Parse("lenet", task.Shape, len(task.Classes))
	if err != nil {
		t.Fatal(err)
	}
	train := training{plan: planned("lenet", nil), home: h, spec: spec, recipe: recipe.Default()}
	method, err := registry.Method("dm")
	if err != nil {
		t.Fatal(err)
	}
	distilling := distillation{task: task, method: method, opt: DistillOptions{Home: h, Data: "digits"}}
	places := map[work.Place]string{}
	for _, name := range []string{"", device.Auto, device.CPU, device.Gorgonia} {
		train.plan.Device.Name, distilling.opt.Device.Name = name, name
		places[train.place("task")], places[distilling.place()] = name, name
	}
	if len(places) != 4 { // of the processor and of gorgonia, for each
		t.Errorf("%d places, want 4: %v", len(places), places)
	}
}

func TestABudgetDecidesWhatIsMade(t *testing.T) {
	n, name := digits(t)
	var notes []string
	report := func(p api.Progress) { notes = append(notes, p.Note) }
	info, err := Distill(t.Context(), n, DistillOptions{Data: name, Method: "gmm", Budget: 9000}, report)
	if err != nil {
		t.Fatal(err)
	}
	if info.Bytes > 9000 || info.Images < 4 || !slices.ContainsFunc(notes, func(s string) bool {
		return strings.HasPrefix(s, "9000 bytes: ")
	}) {
		t.Errorf("%d images in %d bytes, reported %q", info.Images, info.Bytes, notes)
	}
}

func TestDataThatChangedAreReported(t *testing.T) {
	n, name := digits(t)
	e, err := localdata.Open(t.Context(), n, name)
	if err != nil {
		t.Fatal(err)
	}
	entry := e.Entry
	entry.Counts = slices.Clone(entry.Counts)
	entry.Counts[0] += 5
	n.Register(entry)
	var notes []string
	opt := DistillOptions{Data: name, Method: "random", IPC: 1}
	if _, err := Distill(t.Context(), n, opt, func(p api.Progress) { notes = append(notes, p.Note) }); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(notes, func(s string) bool { return strings.Contains(s, "when it was registered") }) {
		t.Errorf("reported %q", notes)
	}
}

func TestAFinishedDistillationLeavesNoState(t *testing.T) {
	n, name := digits(t)
	h := home.Home{Path: t.TempDir()}
	opt := DistillOptions{Data: name, Method: "kip", Options: map[string]string{"steps": "40"}, IPC: 1, Home: h}
	n.Fail[string(operations.AddSet)] = errors.New("the node has stopped")
	if _, err := Distill(t.Context(), n, opt, nil); err == nil {
		t.Fatal("handed over to a node that has stopped")
	}
	kept, err := work.List(h.Path)
	if err != nil || len(kept) != 1 || kept[0].Kind != work.Distillation {
		t.Fatalf("kept %+v, %v: want the state of work that is not handed over", kept, err)
	}
	delete(n.Fail, string(operations.AddSet))
	var stages []string
	if _, err := Distill(t.Context(), n, opt, func(p api.Progress) { stages = append(stages, p.Stage) }); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(stages, "resume an interrupted distillation") {
		t.Errorf("stages %q", slices.Compact(stages))
	}
	if kept, err = work.List(h.Path); err != nil || len(kept) != 0 {
		t.Errorf("kept %+v, %v", kept, err)
	}
}

// Work on images for one code is kept apart from work for another, and for as many bytes more.
func TestWorkForACodeIsItsOwn(t *testing.T) {
	n, name := digits(t)
	opt := DistillOptions{Data: name, Method: "dm", Options: map[string]string{"iterations": "60", "width": "4"}, IPC: 1,
		Pixels: "DCT:64:2:0", Home: home.Home{Path: t.TempDir()}}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Distill(ctx, n, opt, func(p api.Progress) {
		if p.Done >= 52 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("interrupted: %v", err)
	}
	resumes := func(opt DistillOptions) bool {
		t.Helper()
		var stages []string
		if _, err := Distill(t.Context(), n, opt, func(p api.Progress) { stages = append(stages, p.Stage) }); err != nil {
			t.Fatal(err)
		}
		return slices.Contains(stages, "resume an interrupted distillation")
	}
	other := opt
	for _, other.Pixels = range []artifact.PixelType{"DCT:64:3:0", "DCT:65:2:0", artifact.U4} {
		if resumes(other) {
			t.Errorf("work for %s goes on as work for %s", opt.Pixels, other.Pixels)
		}
	}
	if !resumes(opt) {
		t.Error("the work was not found again")
	}
}

func TestAModelIsTrainedMeasuredAndHandedOver(t *testing.T) {
	n, name := digits(t)
	set := made(t, n, name, 1)
	p := planned(AutoModel, short)
	p.Publish, p.Licence = true, "CC0"
	var notes []string
	got, err := Train(t.Context(), n, p, home.Home{}, func(p api.Progress) { notes = append(notes, p.Note) })
	if err != nil {
		t.Fatal(err)
	}
	if got.Model != "lenet" || got.Steps != 20 || got.Resumed || got.Recommended || got.Accuracy == nil ||
		got.Accuracy.Total != 2000 || got.Recipe.MaxSteps != 20 {
		t.Errorf("trained %+v", got)
	}
	if !slices.ContainsFunc(notes, func(s string) bool { return strings.HasPrefix(s, "training lenet: ") }) {
		t.Errorf("reported %q", notes)
	}
	if kept := n.Kept(got.CID); kept == nil || !kept.Publish || kept.Subject != "model" {
		t.Errorf("handed over %+v", kept)
	}
	_, m, err := ReadModel(t.Context(), n, got.CID)
	if err != nil || !slices.Equal(m.Manifest.Sets, []string{set.CID}) || m.Manifest.Licence != "CC0" {
		t.Errorf("read back %+v, %v", m, err)
	}
	for _, where := range []string{"", "glyph-digits"} {
		e, err := Evaluate(t.Context(), n, got.CID, where, nil)
		if err != nil || e.Measured != *got.Accuracy || e.Data != "glyph-digits" || *e.Claimed != *got.Accuracy {
			t.Errorf("measured on %q: %+v, %v", where, e, err)
		}
	}
}

func TestAnInterruptedTrainingResumesToTheSameModel(t *testing.T) {
	n, name := digits(t)
	made(t, n, name, 1)
	p := planned("lenet", short)
	want, err := Train(t.Context(), n, p, home.Home{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	h := home.Home{Path: t.TempDir()}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = Train(ctx, n, p, h, func(p api.Progress) {
		if p.Done >= 10 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("interrupted: %v", err)
	}
	kept, err := work.List(h.Path)
	if err != nil || len(kept) != 1 || kept[0].Kind != work.Training {
		t.Fatalf("kept %+v, %v", kept, err)
	}
	got, err := Train(t.Context(), n, p, h, nil)
	if err != nil || got.CID != want.CID || !got.Resumed {
		t.Errorf("resumed %t to %s, %v; in one go %s", got.Resumed, got.CID, err, want.CID)
	}
	if kept, err = work.List(h.Path); err != nil || len(kept) != 0 {
		t.Errorf("kept %+v, %v", kept, err)
	}
}

func TestATrainingThatCannotBeDoneSaysWhy(t *testing.T) {
	n, name := digits(t)
	away := planned("lenet", nil)
	away.Sets = []string{"bafy"}
	for what, c := range map[string]struct {
		plan plan.Train
		code api.Code
	}{
		"an unknown task":     {plan.Train{Version: plan.SchemaVersion, Task: "nothing", Model: AutoModel}, api.CodeNotFound},
		"an unknown model":    {planned("transformer", nil), api.CodeUsage},
		"no sets":             {planned("lenet", nil), api.CodeNotFound},
		"a set that is away":  {away, api.CodeNotFound},
		"a view that is none": {planned("lenet", recipe.Patch(`{"coarse": 3}`)), api.CodeUsage},
	} {
		if _, err := Train(t.Context(), n, c.plan, home.Home{}, nil); api.Describe(err).Code != c.code {
			t.Errorf("%s: %v", what, err)
		}
	}
	bad := planned("lenet", recipe.Patch(`{"lr": -1}`))
	if _, err := Train(t.Context(), n, bad, home.Home{}, nil); !errors.Is(err, plan.ErrInvalid) {
		t.Errorf("a recipe that is none: %v", err)
	}
	for file, damage := range map[string]func([]byte) []byte{
		artifact.DataFile:  func(content []byte) []byte { content[900] ^= 1; return content },
		artifact.SmallFile: func(content []byte) []byte { return content[:len(content)-1] },
	} {
		opt := DistillOptions{Data: name, Method: "gmm", IPC: 1}
		if file == artifact.DataFile {
			opt.Pixels = artifact.U8
		}
		set, err := Distill(t.Context(), n, opt, nil)
		if err != nil {
			t.Fatal(err)
		}
		files := n.Kept(set.CID).Files
		files[file] = damage(files[file])
		p := planned("lenet", nil)
		p.Sets = []string{set.CID}
		_, err = Train(t.Context(), n, p, home.Home{}, nil)
		if d := api.Describe(err); d.Code != api.CodeVerify || !strings.Contains(d.Message, set.CID) {
			t.Errorf("a damaged %s: %+v", file, *d)
		}
	}
}

func TestADryRunPutsImagesBesideRealOnes(t *testing.T) {
	n, name := digits(t)
	set := made(t, n, name, 1)
	got, err := DryRun(t.Context(), n, set.CID)
	if err != nil || got.Disclosure == nil || len(got.Sheet) == 0 || got.Set.Origin != name ||
		got.Set.Bytes != set.Bytes {
		t.Errorf("got %+v, %v", got, err)
	}
	n.Kept(set.CID).Origin = "forgotten"
	if got, err = DryRun(t.Context(), n, set.CID); err != nil || got.Disclosure != nil ||
		got.Manifest.Images.Count != 2 {
		t.Errorf("of data that are gone: %+v, %v", got, err)
	}
	for what, do := range map[string]func() error{
		"a set as a model": func() error { _, _, err := ReadModel(t.Context(), n, set.CID); return err },
		"no CID as a set": func() error {
			_, _, err := ReadSets(t.Context(), n, data.WellKnownTask("glyph-digits"), []string{"x"})
			return err
		},
		"what is away": func() error { _, err := DryRun(t.Context(), n, "x"); return err },
	} {
		if err := do(); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}
