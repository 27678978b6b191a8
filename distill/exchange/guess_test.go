package exchange

import (
	"math"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/filestest"
)

// ramp is values of two images of six pixels, from one number to another.
func ramp(low, high float64) []float32 {
	out := make([]float32, 12)
	for i := range out {
		out[i] = float32(low + (high-low)*float64(i)/11)
	}
	return out
}

func TestWhatValuesMeanIsToldByTheirRangeAndNoted(t *testing.T) {
	half := []float64{.5}
	for name, c := range map[string]struct {
		low, high   float64
		opt         Options
		want        Values // empty for a refusal
		dark, light float64
		assumed     []string
	}{
		"from 0 to 1":           {0, 1, Options{}, Unit, 0, 1, []string{"values"}},
		"from 0 to 255":         {0, 255, Options{}, Byte, 0, 1, []string{"values"}},
		"around 0":              {-2, 2, Options{}, Standard, 0, 1, []string{"values", "constants"}},
		"a little beyond white": {0, 1.2, Options{}, "", 0, 0, nil},
		"between white and 16":  {0, 10, Options{}, "", 0, 0, nil},
		"from -1 to 1":          {-1, 1, Options{}, "", 0, 0, nil},
		"from -30 to 300":       {-30, 300, Options{}, "", 0, 0, nil},
		"from -1 to 1, by half": {-1, 1, Options{Values: Standard, Mean: half, Std: half}, Standard, 0, 1,
			nil},
		"constants alone":                       {-1, 1, Options{Mean: half, Std: half}, Standard, 0, 1, nil},
		"a little beyond white, as told":        {0, 1.2, Options{Values: Unit}, Unit, 0, 1.2, nil},
		"from 0 to 1, of bytes, as told":        {0, 1, Options{Values: Byte}, Byte, 0, 1. / 255, nil},
		"from 0 to 1, in task space, as told":   {0, 1, Options{Values: InTask}, InTask, .5, .75, nil},
		"from 0 to 1, standardized, as told":    {0, 1, Options{Values: Standard}, Standard, .5, .75, []string{"constants"}},
		"far from any pixel, which is a warned": {-20, 20, Options{}, Standard, -4.5, 5.5, []string{"values", "constants"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := fileOf(t, "images.pt", tensorOf(t, []int{2, 1, 2, 3}, ramp(c.low, c.high)))
			got, err := Read(path, small, c.opt)
			if c.want == "" {
				checkRefused(t, err, ErrValues, "--values")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Values != c.want || math.Abs(got.Dark-c.dark) > 1e-6 || math.Abs(got.Light-c.light) > 1e-6 {
				t.Errorf("%s, pixels from %g to %g; want %s, from %g to %g", got.Values, got.Dark, got.Light, c.want, c.dark,
					c.light)
			}
			assumed := slices.DeleteFunc(codes(got.Notes, files.Assumed), func(code string) bool {
				return code == "layout" || code == "label-order"
			})
			if !slices.Equal(assumed, c.assumed) {
				t.Errorf("assumed %v, want %v", assumed, c.assumed)
			}
			for _, n := range got.Notes {
				if n.Level == files.Assumed && n.Flag == "" {
					t.Errorf("%q names no flag that decides it", n.Text)
				}
			}
			if warned := slices.Contains(codes(got.Notes, files.Warning), "far-from-pixels"); warned != (c.light > 2) {
				t.Errorf("warned of values far from pixels: %t", warned)
			}
		})
	}
}

func TestStandardizedValuesAreTakenBackWithTheConstantsOfTheirSource(t *testing.T) {
	s := noise(colors, 1)
	path := fileOf(t, "images.pt", tensorOf(t, []int{10, 3, 32, 32}, s.X))
	for name, c := range map[string]struct {
		opt       Options
		mean, std []float64
	}{
		"without a word, those of the package": {Options{}, cifarMean, cifarStd},
		"in task space":                        {Options{Values: InTask}, colors.Mean, colors.Std},
		"one for all channels": {Options{Mean: []float64{.5}, Std: []float64{.25}}, []float64{.5, .5, .5},
			[]float64{.25, .25, .25}},
	} {
		got := read(t, path, colors, c.opt)
		if !slices.Equal(got.Mean, c.mean) || !slices.Equal(got.Std, c.std) {
			t.Errorf("%s: mean %v, std %v", name, got.Mean, got.Std)
		}
		for i, v := range got.Samples.X {
			ch := i / 1024 % 3
			want := (float64(s.X[i])*c.std[ch] + c.mean[ch] - colors.Mean[ch]) / colors.Std[ch]
			if math.Abs(float64(v)-want) > 1e-6 {
				t.Fatalf("%s: value %d is %g, want %g", name, i, v, want)
			}
		}
	}
}

func TestLabelsAreNumbersOrRowsOrTheOrderOfImages(t *testing.T) {
	npz := func(dtype, shape string, labels any) string {
		return fileOf(t, "a.npz", filestest.NPZ(map[string][]byte{"images": filestest.NumPy("<f4", false, "(2, 2, 3)",
			ramp(0, 1)), "soft_labels": filestest.NumPy(dtype, false, shape, labels)}))
	}
	for name, c := range map[string]struct {
		path  string
		opt   Options
		y     []int
		soft  []float32
		notes []string
	}{
		"numbers":             {npz("<i8", "(2,)", []int64{1, 0}), Options{}, []int{1, 0}, nil, nil},
		"numbers in a column": {npz("<f4", "(2, 1)", []float32{1, 0}), Options{}, []int{1, 0}, nil, nil},
		"no number is 0":      {npz("<i8", "(2,)", []int64{1, 1}), Options{}, []int{1, 1}, nil, []string{"first-label"}},
		"counted from 1":      {npz("<i8", "(2,)", []int64{1, 2}), Options{FirstLabel: "1"}, []int{0, 1}, nil, nil},
		"one-hot rows": {npz("<f4", "(2, 2)", []float32{0, 1, 1, 0}), Options{}, []int{1, 0}, nil,
			[]string{"one-hot"}},
		"one-hot rows, softly": {npz("<f4", "(2, 2)", []float32{0, 1, 1, 0}), Options{Soft: Probabilities}, []int{1, 0},
			[]float32{0, 1, 1, 0}, nil},
		"probabilities": {npz("<f4", "(2, 2)", []float32{.25, .75, .5, .5}), Options{}, []int{1, 0},
			[]float32{.25, .75, .5, .5}, nil},
		"targets": {npz("<f4", "(2, 2)", []float32{-.5, .5, .6, -.4}), Options{}, []int{1, 0},
			[]float32{-.5, .5, .6, -.4}, []string{"soft"}},
		"logits": {npz("<f4", "(2, 2)", []float32{0, 0, 90, -90}), Options{}, []int{0, 0},
			[]float32{.5, .5, 1, 0}, []string{"soft"}},
		"small logits, as told": {npz("<f4", "(2, 2)", []float32{0, 0, 0, 0}), Options{Soft: Logits}, []int{0, 0},
			[]float32{.5, .5, .5, .5}, nil},
		"the order of images": {fileOf(t, "images.pt", tensorOf(t, []int{2, 2, 3}, ramp(0, 1))), Options{}, []int{0, 1}, nil,
			[]string{"label-order"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.opt.Values = Unit
			got := read(t, c.path, small, c.opt)
			if !slices.Equal(got.Samples.Y, c.y) || !slices.Equal(got.Samples.Soft, c.soft) {
				t.Errorf("labels %v, rows %v; want %v and %v", got.Samples.Y, got.Samples.Soft, c.y, c.soft)
			}
			if notes := codes(got.Notes, files.Assumed); !slices.Equal(notes, c.notes) {
				t.Errorf("assumed %v, want %v", notes, c.notes)
			}
		})
	}
	for name, c := range map[string]struct {
		path, part string
		opt        Options
	}{
		"a class too many":         {npz("<i8", "(2,)", []int64{1, 2}), "--first-label 1", Options{}},
		"a negative number":        {npz("<i8", "(2,)", []int64{-1, 0}), "2 classes", Options{}},
		"a number below the first": {npz("<i8", "(2,)", []int64{0, 1}), "counted from 1", Options{FirstLabel: "1"}},
		"a fraction":               {npz("<f4", "(2,)", []float32{.5, 1}), "no number of a class", Options{}},
		"rows of three":            {npz("<f4", "(2, 3)", make([]float32, 6)), "[2 3]", Options{}},
		"a label too many":         {npz("<i8", "(3,)", []int64{1, 1, 0}), "[3]", Options{}},
		"no probabilities, told otherwise": {npz("<f4", "(2, 2)", []float32{0, 0, 9, -9}), "--soft",
			Options{Soft: Probabilities}},
		"an odd number of images": {fileOf(t, "images.pt", tensorOf(t, []int{3, 2, 3}, slices.Repeat(ramp(0, 1)[:6], 3))),
			"--labels", Options{}},
	} {
		t.Run(name, func(t *testing.T) {
			c.opt.Values = Unit
			_, err := Read(c.path, small, c.opt)
			checkRefused(t, err, ErrLabels, c.part)
		})
	}
}

func TestRowsOfATableNeedAWord(t *testing.T) {
	table := data.Task{Name: "table", Classes: []string{"a", "b"}, Shape: data.Shape{C: 1, H: 1, W: 6},
		Mean: []float64{0, 0, 0, 0, 0, 5}, Std: []float64{1, 1, 1, 1, 1, 2}}.Filled()
	content, err := checkpoint.Encode([]checkpoint.Tensor{checkpoint.F32("x", []int{2, 6}, ramp(0, 1))}, nil)
	if err != nil {
		t.Fatal(err)
	}
	path := fileOf(t, "x.safetensors", content)
	_, err = Read(path, table, Options{})
	checkRefused(t, err, ErrValues, "--values task")
	_, err = Read(path, table, Options{Values: Byte})
	checkRefused(t, err, ErrValues, "table")
	if got := read(t, path, table, Options{Values: InTask}); !slices.Equal(got.Samples.X, ramp(0, 1)) {
		t.Errorf("in task space: %v", got.Samples.X)
	}
}
