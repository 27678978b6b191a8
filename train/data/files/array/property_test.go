package array

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/filestest"
)

// wanted are samples as they must be read.
type wanted struct {
	dims   []int // of a sample
	values []float64
	labels []string
}

// dtypes are types, each with values that it holds exactly.
var dtypes = []string{"|u1", "|b1", "|i1", "<u2", ">u2", "<i2", ">i2", "<u4", ">i4", "<i8", ">u8", "<f4", ">f4", "<f8",
	">f8", "<f12", "<f16", "<q16", ">q16"}

func randomValue(r *rand.Rand, dtype string) float64 {
	switch strings.TrimLeft(dtype, "<>|") {
	case "b1":
		return float64(r.IntN(2))
	case "u1":
		return float64(r.IntN(256))
	case "i1":
		return float64(r.IntN(256) - 128)
	case "u2", "u4":
		return float64(r.IntN(1 << 16))
	case "i2", "i4":
		return float64(r.IntN(1<<16) - 1<<15)
	case "i8":
		return float64(r.Int64N(1<<52) - 1<<51)
	case "u8":
		return float64(r.Int64N(1 << 52))
	case "f4":
		return float64(float32(r.NormFloat64() * 1e3))
	}
	return r.NormFloat64() * 1e6
}

// randomWanted are samples of 1 to 3 dimensions; of 3 the first is the channels,
// of which there are far fewer.
func randomWanted(r *rand.Rand, dtype string) *wanted {
	w := &wanted{dims: [][]int{{1 + r.IntN(6)}, {7 + r.IntN(4), 13 + r.IntN(4)},
		{1 + 2*r.IntN(2), 8 + r.IntN(3), 18 + r.IntN(3)}}[r.IntN(3)]}
	size := 1
	for _, d := range w.dims {
		size *= d
	}
	n := 2 + r.IntN(3)
	for range n * size {
		w.values = append(w.values, randomValue(r, dtype))
	}
	words := [][]string{{"0", "1", "2"}, {"5", "-3", "100"}, {"ant", "bee", "écru"}}[r.IntN(3)]
	for range n {
		w.labels = append(w.labels, words[r.IntN(len(words))])
	}
	return w
}

// axes are the orders in which samples may lie, by the dimensions of a sample.
var axes = map[int][]string{1: {"NF", "FN"}, 2: {"NHW", "HWN"}, 3: {"NCHW", "NHWC", "HWCN", "CHWN"}}

// laid is the values in an order of axes, row-major.
func (w *wanted) laid(order string) ([]float64, []int) {
	letters := map[int]string{1: "NF", 2: "NHW", 3: "NCHW"}[len(w.dims)]
	from := append([]int{len(w.labels)}, w.dims...)
	v := &values{dims: from, doubles: w.values}
	var perm []int
	for _, letter := range order {
		perm = append(perm, strings.IndexRune(letters, letter))
	}
	out := v.transposed(perm)
	return out.doubles, out.dims
}

// labelArray writes the labels as numbers, words or a column of them.
func (w *wanted) labelArray(r *rand.Rand) (npy []byte, list []any) {
	numbers := make([]float64, len(w.labels))
	for i, l := range w.labels {
		k, err := strconv.Atoi(l)
		if err != nil {
			for _, l := range w.labels {
				list = append(list, l)
			}
			return filestest.Words(w.labels...), list
		}
		numbers[i] = float64(k)
		list = append(list, k)
	}
	dims := [][]int{{len(numbers)}, {len(numbers), 1}, {1, len(numbers)}}[r.IntN(3)]
	return filestest.Array([]string{"<i8", ">i4", "<f8", "<i2"}[r.IntN(4)], dims, numbers), list
}

// written is the samples in a random container, and what reads it.
func (w *wanted) written(t *testing.T, r *rand.Rand, dtype string) (opt Options, what string,
	read func(Options, *files.Account) (*files.Part, error)) {
	orders := axes[len(w.dims)]
	order := orders[r.IntN(len(orders))]
	v, dims := w.laid(order)
	y, list := w.labelArray(r)
	npy := filestest.NumPy(strings.Replace(dtype, "q16", "f16", 1), false, filestest.ShapeText(dims),
		filestest.Raw(dtype, v))
	fortran := r.IntN(2) == 0
	if fortran {
		npy = filestest.NumPyHeader(byte(1+r.IntN(3)),
			fmt.Sprintf("{'descr': '%s', 'fortran_order': True, 'shape': %s, }",
				strings.Replace(dtype, "q16", "f16",
					1), filestest.ShapeText(dims)), filestest.Raw(dtype, filestest.FortranOrder(v, dims)))
	}
	names := [][2]string{{"x", "y"}, {"X", "Y"}, {"images", "labels"}, {"data", "target"},
		{"x_train", "y_train"}}[r.IntN(5)]
	if order[0] != 'N' && dims[0] == len(w.labels) {
		opt.Layout = order // nothing else tells
	}
	what = fmt.Sprintf("%s in %s, Fortran order %t, %v", dtype, order, fortran, names)
	first := func(train, test *files.Part, err error) (*files.Part, error) { return train, err }
	switch r.IntN(4) {
	case 0:
		dir := filestest.Folder(t, map[string][]byte{names[0] + ".npy": npy, names[1] + ".npy.gz": filestest.Gzip(y)})
		return opt, what + ", a folder", func(o Options, a *files.Account) (*files.Part, error) {
			return first(Folder(files.Dir(dir), ".", o, a))
		}
	case 1:
		if strings.TrimLeft(dtype, "<>|") == "f8" {
			pickle := filestest.Pickle(filestest.Dict{names[0], filestest.Nd{DType: "f8", Dims: dims, Values: v},
				names[1], list})
			dir := filestest.Folder(t, map[string][]byte{"d.pkl": pickle})
			return opt, what + ", a pickle", func(o Options, a *files.Account) (*files.Part, error) {
				return first(Pickled(files.Dir(dir), "d.pkl", o, a))
			}
		}
	case 2:
		if _, words := list[0].(string); !words {
			numbers := make([]float64, len(list))
			for i := range list {
				numbers[i] = float64(list[i].(int))
			}
			mat := filestest.Mat(filestest.Matrix{Name: names[0], Dims: dims, Values: v},
				filestest.Matrix{Name: names[1], Dims: []int{len(list), 1}, Values: numbers})
			dir := filestest.Folder(t, map[string][]byte{"d.mat": mat})
			return opt, what + ", a MATLAB file", func(o Options, a *files.Account) (*files.Part, error) {
				return first(Matlab(files.Dir(dir), "d.mat", o, a))
			}
		}
	}
	dir := filestest.Folder(t, map[string][]byte{"d.npz": filestest.NPZ(map[string][]byte{names[0]: npy, names[1]: y})})
	return opt, what + ", an archive", func(o Options, a *files.Account) (*files.Part, error) {
		return first(Archive(files.Dir(dir), "d.npz", o, a))
	}
}

// TestSamplesAreTheSameInEveryArray writes random samples in every type, order,
// layout and container, and compares every value.
func TestSamplesAreTheSameInEveryArray(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 1))
		dtype := dtypes[int(seed)%len(dtypes)]
		w := randomWanted(r, dtype)
		opt, what, read := w.written(t, r, dtype)
		p, err := read(opt, nil)
		if err != nil {
			t.Fatalf("seed %d, %s: %v", seed, what, err)
		}
		dims := w.dims
		if !slices.Equal(p.Dims, dims) {
			t.Fatalf("seed %d, %s: samples of %v, want %v", seed, what, p.Dims, dims)
		}
		if got := filestest.Values(p); !slices.Equal(got, w.values) {
			t.Fatalf("seed %d, %s: %v, want %v", seed, what, got[:min(9, len(got))], w.values[:min(9, len(got))])
		}
		for i, want := range w.labels {
			if got := p.Names[p.Labels[i]]; got != want {
				t.Fatalf("seed %d, %s: label %d is %q, want %q", seed, what, i, got, want)
			}
		}
	}
}

// TestWhatAnArrayLosesIsAnError cuts and extends files.
func TestWhatAnArrayLosesIsAnError(t *testing.T) {
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 2))
		dtype := dtypes[int(seed)%len(dtypes)]
		w := randomWanted(r, dtype)
		v, dims := w.laid(axes[len(w.dims)][0])
		y, _ := w.labelArray(r)
		content := map[string][]byte{"x": filestest.Array(dtype, dims, v), "y": y}
		name := []string{"x", "y"}[r.IntN(2)]
		changes := map[string]func([]byte) []byte{
			"cut":      func(b []byte) []byte { return b[:r.IntN(len(b))] },
			"extended": func(b []byte) []byte { return append(slices.Clone(b), byte(r.IntN(256))) },
			"a sample more": func(b []byte) []byte {
				return []byte(strings.Replace(string(b), fmt.Sprintf("(%d,", len(w.labels)),
					fmt.Sprintf("(%d,", len(w.labels)+1), 1))
			},
		}
		for _, change := range slices.Sorted(maps.Keys(changes)) {
			changed := maps.Clone(content)
			if changed[name] = changes[change](content[name]); string(changed[name]) == string(content[name]) {
				continue
			}
			dir := filestest.Folder(t, map[string][]byte{"d.npz": filestest.NPZ(changed)})
			_, _, err := read(filepath.Join(dir, "d.npz"))
			var fe *files.Error
			if !errors.As(err, &fe) || fe.Hint == "" {
				t.Fatalf("seed %d: array %s is %s: %v", seed, name, change, err)
			}
		}
	}
}

// TestIDXFilesAreReadWhateverTheirNamesAndSizes writes random pairs of files.
func TestIDXFilesAreReadWhateverTheirNamesAndSizes(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 3))
		n, h, w := 1+r.IntN(5), 1+r.IntN(9), 1+r.IntN(9)
		pixels, labels := make([]byte, n*h*w), make([]byte, n)
		for i := range pixels {
			pixels[i] = byte(r.Uint32())
		}
		for i := range labels {
			labels[i] = byte(r.Uint32())
		}
		set := []string{"", "fashion-", "emnist-byclass-", "my_set_"}[r.IntN(4)]
		dot := []string{"-", "."}[r.IntN(2)]
		x, y := set+"train-images"+dot+"idx3-ubyte", set+"train-labels"+dot+"idx1-ubyte"
		content := map[string][]byte{x: filestest.IDX([]uint32{uint32(n), uint32(h), uint32(w)}, pixels),
			y: filestest.IDX([]uint32{uint32(n)}, labels)}
		if r.IntN(2) == 0 {
			content[x+".gz"] = filestest.Gzip(content[x])
			delete(content, x)
		}
		var names []string
		for name := range content {
			names = append(names, name)
		}
		dir := filestest.Folder(t, content)
		p, _, err := IDX(files.Dir(dir), names, "", Options{}, nil)
		if err != nil {
			t.Fatalf("seed %d, %v: %v", seed, names, err)
		}
		for i := range pixels {
			s, at := i/(h*w), i%(h*w)
			from := at
			if strings.HasPrefix(set, "emnist") {
				from = at%h*w + at/h
			}
			if p.Bytes[i] != pixels[s*h*w+from] {
				t.Fatalf("seed %d, %v of %d x %d: pixel %d", seed, names, h, w, i)
			}
		}
		for i, y := range labels {
			if p.Names[p.Labels[i]] != strconv.Itoa(int(y)) {
				t.Fatalf("seed %d: label %d", seed, i)
			}
		}
	}
}
