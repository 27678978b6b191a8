package exchange

import (
	"testing"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// imported is a set that was made here, written, and read again.
func imported(t *testing.T, s *data.Samples, pixels artifact.PixelType) (*artifact.Set, *Foreign) {
	t.Helper()
	set := setOf(t, digits, s, pixels, data.Formation{})
	return set, read(t, write(t, set, digits, ExportOptions{}).Dir, digits, Options{})
}

func TestAnImportedSetIsAnArtifactWithTheSameSamples(t *testing.T) {
	for name, s := range map[string]*data.Samples{"hard labels": noise(digits, 2),
		"probabilities": soften(noise(digits, 2), true)} {
		t.Run(name, func(t *testing.T) {
			set, foreign := imported(t, s, artifact.U8)
			made, err := foreign.Make(t.Context(), MakeOptions{})
			if err != nil {
				t.Fatal(err)
			}
			back, err := artifact.ReadSet(made.Files, digits, artifact.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			checkSame(t, back.Samples, set.Samples)
			m := back.Manifest
			if m.Method.Name != Imported || m.Method.IPC != 2 || m.Method.Settings != nil || !m.ContainsReal ||
				m.SmallestGroup != 1 {
				t.Errorf("manifest: method %+v, contains real %t, smallest group %d", m.Method, m.ContainsReal, m.SmallestGroup)
			}
		})
	}
}

func TestThePixelTypeLosesNothingByDefault(t *testing.T) {
	for pixels, want := range map[artifact.PixelType]artifact.PixelType{artifact.U4: artifact.U4, artifact.U8: artifact.U8,
		artifact.F16: artifact.F16, artifact.F32: artifact.F32, artifact.DCT: artifact.F32} {
		_, foreign := imported(t, noise(digits, 1), pixels)
		if got, err := Lossless(foreign.Samples); got != want || err != nil {
			t.Errorf("a set of %s comes back as one of %s, want %s (%v)", pixels, got, want, err)
		}
	}
	_, foreign := imported(t, noise(digits, 1), artifact.F32)
	made, err := foreign.Make(t.Context(), MakeOptions{Pixels: artifact.U8})
	if err != nil || made.Manifest.Images.DType != artifact.U8 {
		t.Errorf("the type that was asked for: %v, %v", made, err)
	}
}

func TestLocalSamplesSayWhatAnImportedSetDiscloses(t *testing.T) {
	_, foreign := imported(t, noise(digits, 1), artifact.F32)
	far := photos(digits, 12)
	own := recipe.Default()
	own.LR = .01
	for name, c := range map[string]struct {
		local *data.Samples
		real  bool
	}{
		"compared with others":           {far, false},
		"compared with itself":           {foreign.Samples, true},
		"samples of half of the classes": {far.Subset([]int{0, 1, 2, 13, 14, 26, 27}), true},
	} {
		made, err := foreign.Make(t.Context(), MakeOptions{Local: c.local, Method: "far-official", Bare: true,
			Recipe: &own})
		if err != nil {
			t.Fatal(err)
		}
		m := made.Manifest
		if m.ContainsReal != c.real || m.Method.Name != "far-official" || m.Recipe.LR != .01 {
			t.Errorf("%s: contains real %t, want %t; method %s, recipe %+v", name, m.ContainsReal, c.real, m.Method.Name,
				m.Recipe)
		}
	}
}

func TestMethodsOfImportedSetsHaveNamesOfTheirOwn(t *testing.T) {
	_, foreign := imported(t, noise(digits, 1), artifact.F32)
	for _, name := range []string{"dm", "random", "DM", "a b", "-x", "ä"} {
		_, err := foreign.Make(t.Context(), MakeOptions{Method: name})
		checkRefused(t, err, ErrOption, "-official")
	}
}

func TestOptionsAreChecked(t *testing.T) {
	_, err := Read(t.TempDir(), small, Options{Values: Unit})
	checkRefused(t, err, ErrOption, "pictures are bytes")
	path := fileOf(t, "images.pt", tensorOf(t, []int{2, 2, 3}, ramp(0, 1)))
	for name, c := range map[string]struct {
		opt  Options
		part string
	}{
		"unknown values":            {Options{Values: "bits"}, "--values"},
		"unknown labels":            {Options{Soft: "odds"}, "--soft"},
		"unknown order":             {Options{Classes: "size"}, "--classes"},
		"an unknown first label":    {Options{FirstLabel: "2"}, "--first-label"},
		"an unknown layout":         {Options{Layout: "CNHW"}, "--layout"},
		"a negative item":           {Options{Item: -1}, "counted from 1"},
		"a mean alone":              {Options{Mean: []float64{.5}}, "--std"},
		"a deviation of 0":          {Options{Mean: []float64{.5}, Std: []float64{0}}, "above 0"},
		"three for one channel":     {Options{Mean: cifarMean, Std: cifarStd}, "channel"},
		"constants of plain pixels": {Options{Values: Unit, Mean: []float64{.5}, Std: []float64{1}}, "leave --mean"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read(path, small, c.opt)
			checkRefused(t, err, ErrOption, c.part)
		})
	}
}
