package auto

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/coreset"
	"github.com/distillmesh/distillmesh/distill/distilltest"
	"github.com/distillmesh/distillmesh/distill/kip"
	"github.com/distillmesh/distillmesh/distill/labelsolve"
	"github.com/distillmesh/distillmesh/distill/match"
	"github.com/distillmesh/distillmesh/distill/registry"
	"github.com/distillmesh/distillmesh/distill/ridge"
	"github.com/distillmesh/distillmesh/distill/trajectory"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/open"
)

// slack is what a size leaves for numbers that are not known before.
const slack = 24

// within is a budget of bytes; the manifest will name the settings that differ from
// a method's own.
func within(bytes int64, pixels artifact.PixelType) Budget {
	return Budget{Bytes: bytes, Pixels: pixels, Settings: registry.Changed}
}

// threesAndSevens are a device's samples of two classes, with -short a part.
func threesAndSevens(t *testing.T, task *data.Task, ds *data.Dataset) *data.Samples {
	t.Helper()
	index := []int{}
	for i, y := range ds.Train.Labels() {
		if y == 3 || y == 7 {
			index = append(index, i)
		}
	}
	if testing.Short() {
		index = index[:300]
	}
	local, err := data.Load(task, ds.Train, index)
	if err != nil {
		t.Fatal(err)
	}
	return local
}

// digits are all samples of a data set, with -short some.
func digits(t *testing.T, ds *data.Dataset) *data.Samples {
	t.Helper()
	index := data.Stream(1, "test").Perm(len(ds.Train.Labels()))
	if testing.Short() {
		index = index[:600]
	}
	slices.Sort(index)
	local, err := data.Load(ds.Task, ds.Train, index)
	if err != nil {
		t.Fatal(err)
	}
	return local
}

// A set that is made as a budget is spent weighs no more, and nearly as much.
func TestASetWeighsWhatItsBudgetAllows(t *testing.T) {
	task := data.WellKnownTask("mnist")
	ds, err := open.Path(data.GlyphPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	local := threesAndSevens(t, task, ds)
	all, err := data.LoadAll(task, ds.Train)
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{"iterations": "1"}
	if testing.Short() {
		settings["width"] = "4"
	}
	quick, err := match.DefaultDM().With(settings)
	if err != nil {
		t.Fatal(err)
	}
	fours, err := quick.With(map[string]string{"formation": "4"})
	if err != nil {
		t.Fatal(err)
	}
	learned, err := kip.Default().With(map[string]string{"labels": "learned", "steps": "2"})
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		name         string
		method       distill.Method
		formation    int // 0: left open
		asked        artifact.PixelType
		bytes        int64
		local        *data.Samples
		want         int // formation
		single, bare bool
		licence      string
	}{
		{"much", quick, 0, artifact.U4, 80_000, local, 2, false, false, ""},
		{"much, of all classes", coreset.Random{}, 0, artifact.U8, 100_000, all, 1, false, false, ""},
		{"much more", coreset.Random{}, 0, artifact.U8, 1_500_000, all, 1, false, false, ""},
		{"little", quick, 0, artifact.U4, 4_000, local, 2, true, true, ""},
		{"a little more", quick, 0, artifact.U4, 10_000, local, 2, false, true, ""},
		{"little in bytes", quick, 0, artifact.U8, 4_000, local, 2, true, true, ""},
		{"hardly anything", quick, 0, artifact.U4, 1_080, local, 4, true, true, ""},
		{"plain images", coreset.DefaultGMM(), 0, artifact.U8, 5_000, local, 1, false, true, ""},
		{"a formation of the user's", quick, 4, artifact.U4, 5_000, local, 4, false, true, ""},
		{"a formation of the method's", fours, 0, artifact.U4, 5_000, local, 4, false, true, ""},
		{"a licence", quick, 0, artifact.U4, 4_000, local, 2, true, true, "CC-BY-SA-4.0, of an institute with a long name"},
		{"a licence and a card", quick, 0, artifact.U4, 80_000, local, 2, false, false,
			"CC-BY-SA-4.0, of an institute with a long name"},
		{"labels for a predictor", learned, 0, "", 9_000, local, 1, false, true, ""},
	} {
		if testing.Short() && i != 5 && i != 7 && i != 12 {
			continue // of each kind of method one with few bytes is left
		}
		local := c.local
		req := distill.Request{Samples: local, IPC: 1, Seed: 1 << 60, Formation: c.formation}
		s, err := Spend(task, c.method, req, Budget{Bytes: c.bytes, Pixels: c.asked, Licence: c.licence,
			Settings: registry.Changed})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if s.Single != c.single || s.Bare != c.bare || s.Formation != c.want {
			t.Errorf("%s: %+v, want formation %d, single %t, bare %t", c.name, s, c.want, c.single, c.bare)
		}
		req.IPC, req.Formation, req.Single = s.IPC, s.Formation, s.Single
		made, err := artifact.Make(context.Background(), artifact.Request{Request: req, Task: task, Method: c.method,
			Settings: registry.Changed(c.method), Licence: c.licence, Pixels: s.Pixels, Bare: s.Bare})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		got, image := made.Files.Bytes(), int64(len(local.Held())*(made.Samples.Shape.Size()+16))
		if got > c.bytes || got > s.Bytes || c.bytes-got > image+2*slack+artifact.MaxPreviewBytes+1<<10 {
			t.Errorf("%s: %d images of %v weigh %d bytes, %d were planned of %d", c.name, made.Samples.Len(),
				made.Samples.Shape, got, s.Bytes, c.bytes)
		}
		if back, err := artifact.ReadSet(made.Files, task,
			artifact.Limits{}); err != nil || back.TrainingSamples().Shape != task.Shape {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// A kilobyte holds a set; less, and pixels of no type, are refused; iterations that
// are still to be chosen are counted.
func TestTheLeastAndWhatIsStillToBeChosen(t *testing.T) {
	ds := data.GlyphDigits()
	local := threesAndSevens(t, ds.Task, ds)
	dm, req := match.DefaultDM(), distill.Request{Samples: local}
	if _, err := Spend(ds.Task, dm, req, within(900, artifact.U8)); !errors.Is(err, distill.ErrBudget) {
		t.Errorf("900 bytes: %v", err)
	}
	if s, err := Spend(ds.Task, dm, req, within(1_024, artifact.U4)); err != nil || s.Formation != 4 || !s.Single {
		t.Errorf("a kilobyte: %+v, %v", s, err)
	}
	thirds, err := dm.With(map[string]string{"formation": "3"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Spend(ds.Task, thirds, req, within(90_000, artifact.U4)); !errors.Is(err,
		data.ErrFormation) {
		t.Errorf("thirds of 28 pixels: %v", err)
	}
	if _, err := Spend(ds.Task, dm, req, within(90_000, "U2")); !errors.Is(err, artifact.ErrPixels) {
		t.Errorf("pixels of no type: %v", err)
	}
	plain, err := Spend(ds.Task, dm, req, within(4_000, artifact.U4))
	later := within(4_000, artifact.U4)
	later.Timed = true
	timed, err2 := Spend(ds.Task, dm, req, later)
	if err != nil || err2 != nil || timed.IPC != plain.IPC || timed.Bytes < plain.Bytes+30 {
		t.Errorf("a number of iterations that is still to be chosen: %+v, without %+v, %v, %v", timed, plain, err, err2)
	}
}

// However many bytes there are, a mean stands for samples enough to hide in.
func TestABudgetLeavesSamplesForEachMean(t *testing.T) {
	ds := data.GlyphDigits()
	local := digits(t, ds)
	least := local.Len()
	for _, members := range local.ByClass() {
		least = min(least, len(members))
	}
	nearest, err := coreset.DefaultClusters().With(map[string]string{"publish": "nearest"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method distill.Method
		want   int
	}{{coreset.DefaultGMM(), least / 10}, {coreset.DefaultClusters(), least / 10}, {nearest, least}, {coreset.Random{},
		least}} {
		s, err := Spend(ds.Task, c.method, distill.Request{Samples: local}, within(1<<30, artifact.U8))
		if err != nil || s.IPC != c.want {
			t.Errorf("%s: %d images per class, %v; want %d", c.method.Name(), s.IPC, err, c.want)
		}
	}
}

// A ridge says all in an image per class, whatever the budget.
func TestABudgetIsNotSpentOnWhatSaysNothing(t *testing.T) {
	ds := data.GlyphDigits()
	local := digits(t, ds)
	b := within(1<<20, artifact.U8)
	s, err := Spend(ds.Task, ridge.Default(), distill.Request{Samples: local}, b)
	if err != nil || s.IPC != 1 || s.Bytes > b.Bytes/10 || !strings.Contains(s.Why,
		"1 stored image per class, more would say nothing") || strings.Contains(s.Why, "smallest class") {
		t.Errorf("%+v, %v", s, err)
	}
	b.Bytes = 500
	if _, err := Spend(ds.Task, ridge.Default(), distill.Request{Samples: local}, b); !errors.Is(err,
		distill.ErrBudget) || !strings.Contains(err.Error(), "a set by ridge of these 10 classes takes at least") {
		t.Errorf("500 bytes: %v", err)
	}
}

func pixelsFor(t *testing.T, asked artifact.PixelType, m distill.Method, req distill.Request) artifact.PixelType {
	t.Helper()
	outline, err := m.Outline(req)
	if err != nil {
		t.Fatal(err)
	}
	return artifact.SuitablePixels(asked, outline, req)
}

// Images like real ones are kept as frequency coefficients, unless tiles were asked for or they are
// too small. Half a byte per pixel is for tiles within the range of real pixels.
func TestThePixelTypeSuitsTheImages(t *testing.T) {
	local := digits(t, data.GlyphDigits())
	small := distilltest.Samples(data.Shape{C: 1, H: 7, W: 8}, 3, []int{0, 1}, 12)
	table := distilltest.Samples(data.Shape{C: 1, H: 1, W: 13}, 3, []int{0, 1}, 12)
	dm, gmm := match.DefaultDM(), coreset.DefaultGMM()
	fours, err := dm.With(map[string]string{"formation": "4"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		asked   artifact.PixelType
		method  distill.Method
		samples *data.Samples
		tiles   int
		want    artifact.PixelType
	}{
		"learned images":                       {"", dm, local, 0, artifact.DCT},
		"learned plain images":                 {"", dm, local, 1, artifact.DCT},
		"learned tiles":                        {"", dm, local, 2, artifact.U4},
		"learned tiles by the method's choice": {"", fours, local, 0, artifact.U4},
		"learned images too small for a code":  {"", dm, small, 0, artifact.U4},
		"what was asked for":                   {artifact.F16, dm, local, 0, artifact.F16},
		"means":                                {"", gmm, local, 0, artifact.DCT},
		"random samples as tiles":              {"", coreset.Random{}, local, 2, artifact.U8},
		"means too small for a code":           {"", gmm, small, 0, artifact.U8},
		"means of a table":                     {"", gmm, table, 0, artifact.U8},
		"images of solved labels":              {"", labelsolve.Default(), local, 0, artifact.U8},
		"images unlike real ones":              {"", trajectory.DefaultATT(), local, 0, artifact.U8},
	} {
		if got := pixelsFor(t, c.asked, c.method, distill.Request{Samples: c.samples, IPC: 1,
			Formation: c.tiles}); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// Half a byte per pixel holds nearly twice the tiles.
func TestHalfAByteHoldsTwiceTheTiles(t *testing.T) {
	ds := data.GlyphDigits()
	local := digits(t, ds)
	tiles := map[artifact.PixelType]int{}
	for _, pixels := range []artifact.PixelType{artifact.U4, artifact.U8} {
		s, err := Spend(ds.Task, match.DefaultDM(), distill.Request{Samples: local}, within(60_000, pixels))
		if err != nil {
			t.Fatal(err)
		}
		tiles[pixels] = s.IPC
		if !s.Single {
			tiles[pixels] *= s.Formation * s.Formation
		}
	}
	if more := float64(tiles[artifact.U4]) / float64(tiles[artifact.U8]); more < 1.8 || more > 2.2 {
		t.Errorf("%v tiles, %.2f times as many", tiles, more)
	}
}
