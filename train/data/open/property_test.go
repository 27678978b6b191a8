package open

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/filestest"
)

// original is a random set of images with named classes, and its task.
type original struct {
	task   *data.Task
	pixels []float64 // n x 3 x 5 x 12, whole numbers of 0 to 255
	labels []int
}

func randomOriginal(r *rand.Rand) *original {
	o := &original{task: data.Task{Name: "p", Classes: []string{"ant", "bee", "cow"}, Shape: data.Shape{C: 3, H: 5, W: 12},
		Mean: []float64{.5}, Std: []float64{.25}}.Filled()}
	n := 4 + r.IntN(5)
	for range n {
		o.labels = append(o.labels, r.IntN(3))
		for k := range 3 { // planes apart, neighbors alike
			base := r.IntN(60) + 80*k
			for y := range 5 {
				for x := range 12 {
					o.pixels = append(o.pixels, float64(base+3*y+x+r.IntN(2)))
				}
			}
		}
	}
	o.labels[0], o.labels[1], o.pixels[0] = 0, 2, 255
	return o
}

// interleaved is the pixels with the channels of each side by side.
func (o *original) interleaved() []float64 {
	out := make([]float64, 0, len(o.pixels))
	for s := range o.labels {
		for p := range 60 {
			for k := range 3 {
				out = append(out, o.pixels[s*180+k*60+p])
			}
		}
	}
	return out
}

func (o *original) names() []string {
	out := make([]string, len(o.labels))
	for i, y := range o.labels {
		out[i] = o.task.Classes[y]
	}
	return out
}

func scaled(v []float64, by float64) []float64 {
	out := make([]float64, len(v))
	for i := range v {
		out[i] = v[i] * by
	}
	return out
}

// forms are the same set as files, for the same task.
func (o *original) forms() map[string]map[string][]byte {
	n := len(o.labels)
	numbers := make([]float64, n)
	for i, y := range o.labels {
		numbers[i] = float64(y)
	}
	set := func(x, y []byte) map[string][]byte {
		return map[string][]byte{"d.npz": filestest.NPZ(map[string][]byte{"x": x, "y": y})}
	}
	words, first := filestest.Words(o.names()...), []int{n, 3, 5, 12}
	var table strings.Builder
	for i, v := range o.pixels {
		fmt.Fprintf(&table, "%g,", v)
		if i%180 == 179 {
			table.WriteString(o.names()[i/180] + "\n")
		}
	}
	return map[string]map[string][]byte{
		"bytes, channels first":     set(filestest.Array("|u1", first, o.pixels), words),
		"bytes, channels last":      set(filestest.Array("|u1", []int{n, 5, 12, 3}, o.interleaved()), words),
		"whole numbers, big-endian": set(filestest.Array(">i4", first, o.pixels), words),
		"floats of whole numbers":   set(filestest.Array("<f4", first, o.pixels), words),
		"Fortran order": set(filestest.NumPy("<i2", true, filestest.ShapeText(first),
			filestest.Raw("<i2", filestest.FortranOrder(o.pixels, first))), words),
		"numbers from 0 for labels": set(filestest.Array("|u1", first, o.pixels),
			filestest.Array("<i8", []int{n}, numbers)),
		"rows of planes":               set(filestest.Array("|u1", []int{n, 180}, o.pixels), words),
		"rows of pixels":               set(filestest.Array("|u1", []int{n, 180}, o.interleaved()), words),
		"a table":                      {"d.csv": []byte(table.String())},
		"floats of 0 to 1":             set(filestest.Array("<f8", first, scaled(o.pixels, 1./255)), words),
		"floats of 0 to 1, big-endian": set(filestest.Array(">f8", first, scaled(o.pixels, 1./255)), words),
		"a MATLAB file, samples last": {"d.mat": filestest.Mat(filestest.Matrix{Name: "X", Dims: []int{5, 12, 3, n},
			Values: o.last()}, filestest.Matrix{Name: "y", Dims: []int{n, 1}, Values: numbers})},
		"an archive with one in folder": {"d.zip": filestest.Zip(map[string][]byte{"in/x.npy": filestest.Array("|u1",
			first, o.pixels), "in/y.npy": words})},
	}
}

// last is the pixels with the samples last, after the channels.
func (o *original) last() []float64 {
	var out []float64
	for p := range 60 {
		for k := range 3 {
			for s := range o.labels {
				out = append(out, o.pixels[s*180+k*60+p])
			}
		}
	}
	return out
}

// TestASetIsTheSameInEveryForm opens one set in many forms for one task.
func TestASetIsTheSameInEveryForm(t *testing.T) {
	for seed := range uint64(25) {
		o := randomOriginal(rand.New(rand.NewPCG(seed, 1)))
		forms := o.forms()
		for _, form := range slices.Sorted(maps.Keys(forms)) {
			ds, err := Path(folder(t, forms[form]), o.task)
			if err != nil {
				t.Fatalf("seed %d, %s: %v", seed, form, err)
			}
			if !slices.Equal(ds.Train.Labels(), o.labels) {
				t.Fatalf("seed %d, %s: labels %v, want %v", seed, form, ds.Train.Labels(), o.labels)
			}
			s, err := data.LoadAll(o.task, ds.Train)
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range o.pixels {
				if want := float32((v/255 - .5) / .25); s.X[i]-want > 1e-5 || want-s.X[i] > 1e-5 {
					t.Fatalf("seed %d, %s: value %d is %v, want %v", seed, form, i, s.X[i], want)
				}
			}
		}
	}
}

// TestWhatASetLosesForItsTaskIsNeverSilent changes what a set says beside its
// values: it is refused, or noted.
func TestWhatASetLosesForItsTaskIsNeverSilent(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 2))
		o := randomOriginal(r)
		n := len(o.labels)
		x := filestest.Array("|u1", []int{n, 3, 5, 12}, o.pixels)
		shifted := make([]float64, n)
		for i, y := range o.labels {
			shifted[i] = float64(y + 1)
		}
		renamed, cased := o.names(), o.names()
		for i := range renamed {
			if renamed[i] == "ant" {
				renamed[i], cased[i] = "wasp", "Ant"
			}
		}
		dark := scaled(o.pixels, 1./255/8)
		for change, arrays := range map[string]map[string][]byte{
			"a class renamed":          {"x": x, "y": filestest.Words(renamed...)},
			"a class in another case":  {"x": x, "y": filestest.Words(cased...)},
			"labels from 1":            {"x": x, "y": filestest.Array("<i8", []int{n}, shifted)},
			"labels of another length": {"x": x, "y": filestest.Words(o.names()[1:]...)},
			"another size": {"x": filestest.Array("|u1", []int{n, 3, 10, 6}, o.pixels),
				"y": filestest.Words(o.names()...)},
			"channels lost": {"x": filestest.Array("|u1", []int{n, 15, 12}, o.pixels),
				"y": filestest.Words(o.names()...)},
			"standardized": {"x": filestest.Array("<f8", []int{n, 3, 5, 12}, scaled(o.pixels, -1)),
				"y": filestest.Words(o.names()...)},
			"values of no known white": {"x": filestest.Array("<f8", []int{n, 3, 5, 12}, scaled(o.pixels, 1./60)),
				"y": filestest.Words(o.names()...)},
			"values far below white": {"x": filestest.Array("<f8", []int{n, 3, 5, 12}, dark),
				"y": filestest.Words(o.names()...)},
		} {
			ds, err := Path(folder(t, map[string][]byte{"d.npz": filestest.NPZ(arrays)}), o.task)
			if err != nil {
				continue
			}
			if !slices.ContainsFunc(ReportOf(ds).Notes, func(note files.Note) bool {
				return note.Level == files.Warning || note.Level == files.Assumed && note.Code == "white"
			}) {
				t.Errorf("seed %d: %s is silent: %v", seed, change, ds.Report.Lines())
			}
		}
	}
}

// TestTablesOfATaskAreFoundByNameInEveryOrder permutes the columns of both parts.
func TestTablesOfATaskAreFoundByNameInEveryOrder(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 3))
		names := []string{"a", "b", "c", "d", "label"}
		task := data.Task{Name: "t", Classes: []string{"no", "yes"}, Shape: data.Shape{C: 1, H: 1, W: 4}, Mean: []float64{0},
			Std: []float64{1}}
		for _, f := range names[:4] {
			task.Features = append(task.Features, files.Feature{Name: f})
		}
		content := map[string][]byte{}
		want := map[string][]float32{}
		for _, part := range []string{"train", "test"} {
			order := r.Perm(5)
			var text strings.Builder
			write := func(row []string) {
				out := make([]string, 5)
				for i, k := range order {
					out[i] = row[k]
				}
				text.WriteString(strings.Join(out, ",") + "\n")
			}
			write(names)
			for i := range 6 {
				var row []string
				for range 4 {
					v := float32(r.IntN(1000)) / 8
					want[part], row = append(want[part], v), append(row, fmt.Sprint(v))
				}
				write(append(row, []string{"no", "yes"}[i%2]))
			}
			content[part+".csv"] = []byte(text.String())
		}
		ds, err := Path(folder(t, content), task.Filled())
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for part, src := range map[string]data.Source{"train": ds.Train, "test": ds.Test} {
			s, err := data.LoadAll(ds.Task, src)
			if err != nil || !slices.Equal(s.X, want[part]) || !slices.Equal(s.Y, []int{0, 1, 0, 1, 0, 1}) {
				t.Fatalf("seed %d, %s: %v %v, want %v; %v", seed, part, s.X, s.Y, want[part], err)
			}
		}
	}
}
