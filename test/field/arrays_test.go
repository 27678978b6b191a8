package field

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	ft "github.com/distillmesh/distillmesh/train/data/files/filestest"
	"github.com/distillmesh/distillmesh/train/data/open"
)

// scene are n images of c planes of h x w, smooth within a plane and each plane
// apart, row-major [n c h w].
func scene(n, c, h, w int) []float64 {
	var out []float64
	for s := range n {
		for k := range c {
			for y := range h {
				for x := range w {
					out = append(out, float64((20*s+70*k+3*y+2*x)%256))
				}
			}
		}
	}
	return out
}

// moved brings [n c h w] to another order of axes.
func moved(v []float64, dims [4]int, order string) ([]float64, []int) {
	sizes := map[byte]int{'N': dims[0], 'C': dims[1], 'H': dims[2], 'W': dims[3]}
	at := map[byte]int{}
	out, shape := make([]float64, len(v)), make([]int, 4)
	for i := range order {
		shape[i] = sizes[order[i]]
	}
	for i := range out {
		rest := i
		for k := 3; k >= 0; k-- {
			at[order[k]] = rest % shape[k]
			rest /= shape[k]
		}
		out[i] = v[((at['N']*dims[1]+at['C'])*dims[2]+at['H'])*dims[3]+at['W']]
	}
	return out, shape
}

// images are rows of values by 255.
func images(v []float64, n int) (out [][]float32) {
	x := singles(v, 255)
	for i := range n {
		out = append(out, x[i*len(x)/n:(i+1)*len(x)/n])
	}
	return out
}

// Old: channels were taken to be last, and samples first.
func TestAxesOfArraysAreFoundOrAsked(t *testing.T) {
	const n, c, h, w = 5, 3, 8, 9
	base := scene(n, c, h, w)
	want := images(base, n)
	y := ft.Array("<i8", []int{n}, []float64{0, 1, 0, 1, 1})
	in := func(order string) map[string][]byte {
		v, dims := moved(base, [4]int{n, c, h, w}, order)
		return npz(map[string][]byte{"x": ft.Array("|u1", dims, v), "y": y})
	}
	layout := func(l string) open.Reading { return open.Reading{Layout: l} }
	color := imageTask(data.Shape{C: c, H: h, W: w}, "0", "1")
	flat := func(order string) map[string][]byte {
		v, _ := moved(base, [4]int{n, c, h, w}, order)
		return npz(map[string][]byte{"x": ft.Array("|u1", []int{n, c * h * w}, v), "y": y})
	}
	cube := npz(map[string][]byte{"x": ft.Array("|u1", []int{2, 9, 8, 7}, scene(2, 9, 8, 7)),
		"y": ft.Array("<i8", []int{2}, []float64{0, 1})})
	hwn, hwnDims := moved(scene(4, 1, 6, 5), [4]int{4, 1, 6, 5}, "HWCN")
	gray := npz(map[string][]byte{"x": ft.Array("|u1", []int{hwnDims[0], hwnDims[1], hwnDims[3]}, hwn),
		"y": ft.Array("<i8", []int{4}, []float64{0, 1, 0, 1})})
	fn, _ := moved(scene(6, 1, 1, 3), [4]int{6, 1, 1, 3}, "HWCN")
	var cases []fieldCase
	for _, order := range []string{"NCHW", "NHWC", "HWCN", "CHWN"} {
		cases = append(cases,
			fieldCase{name: order, files: in(order), train: want, shape: data.Shape{C: c, H: h, W: w},
				notes: []string{"layout"}},
			fieldCase{name: order + ", said", files: in(order), r: layout(order), train: want,
				shape: data.Shape{C: c, H: h, W: w}},
			fieldCase{name: order + ", of a task", files: in(order), task: color, train: want})
	}
	table := "label"
	for i := range c * h * w {
		table += fmt.Sprintf(",p%d", i)
	}
	interleaved, _ := moved(base, [4]int{n, c, h, w}, "NHWC")
	for i, label := range []int{0, 1, 0, 1, 1} {
		table += fmt.Sprintf("\n%d", label)
		for _, v := range interleaved[i*c*h*w : (i+1)*c*h*w] {
			table += fmt.Sprintf(",%.0f", v)
		}
	}
	cases = append(cases,
		fieldCase{name: "unknown", files: cube, refused: "--layout"},
		fieldCase{name: "unknown, said", files: cube, r: layout("NCHW"), shape: data.Shape{C: 9, H: 8, W: 7},
			train: images(scene(2, 9, 8, 7), 2)},
		fieldCase{name: "a layout of too few axes", files: cube, r: layout("NHW"), refused: "--layout"},
		fieldCase{name: "a layout of too many axes", files: gray, r: layout("NHWC"), refused: "--layout"},
		fieldCase{name: "grey, samples last", files: gray, train: images(scene(4, 1, 6, 5), 4),
			shape: data.Shape{C: 1, H: 6, W: 5}, notes: []string{"layout"}},
		fieldCase{name: "features, samples last", files: npz(map[string][]byte{"x": ft.Array("<f4", []int{3, 6}, fn),
			"y": ft.Array("<i8", []int{6}, []float64{0, 1, 0, 1, 0, 1})}), train: rows(singles(scene(6, 1, 1,
			3)[:3], 1), singles(scene(6, 1, 1, 3)[3:6], 1), singles(scene(6, 1, 1, 3)[6:9], 1),
			singles(scene(6, 1, 1, 3)[9:12], 1), singles(scene(6, 1, 1, 3)[12:15], 1), singles(scene(6, 1, 1, 3)[15:],
				1)), notes: []string{"layout"}},
		fieldCase{name: "rows, planar", files: flat("NCHW"), task: color, train: want, notes: []string{"layout"}},
		fieldCase{name: "rows, interleaved", files: flat("NHWC"), task: color, train: want, notes: []string{"layout"}},
		fieldCase{name: "rows, said", files: flat("NHWC"), r: layout("NHWC"), task: color, train: want},
		fieldCase{name: "rows of a shape asked for", files: flat("NHWC"),
			draft: data.Task{Shape: data.Shape{C: c, H: h, W: w}}, train: want, notes: []string{"layout"}},
		fieldCase{name: "rows of a table, interleaved", files: csv(table + "\n"), task: color, train: want,
			notes: []string{"layout"}},
		fieldCase{name: "rows of a table, said", files: csv(table + "\n"), r: layout("NHWC"), task: color, train: want},
		fieldCase{name: "rows of noise", files: npz(map[string][]byte{"x": ft.Array("|u1", []int{n, c * h * w},
			noise(n*c*h*w)), "y": y}), task: color, refused: "--layout"},
		fieldCase{name: "as many rows as columns", files: npz(map[string][]byte{"x": ft.Array("|u1", []int{3, 3},
			ramp(9, 0, 1)), "y": ft.Array("<i8", []int{3}, []float64{0, 1,
			0})}), train: rows([]float32{0, 1, 2}, []float32{3, 4, 5}, []float32{6, 7, 8})},
		fieldCase{name: "no such layout", files: cube, r: layout("WHCN"), refused: "there is no layout"},
	)
	walk(t, cases)
}

// Old: only whole numbers of one dimension were labels, under few names.
func TestLabelsAndNamesOfArraysAreKnown(t *testing.T) {
	x := ft.Array("<f4", []int{3, 2}, []float64{1, 2, 3, 4, 5, 6})
	want := rows([]float32{1, 2}, []float32{3, 4}, []float32{5, 6})
	set := func(y []byte) map[string][]byte { return npz(map[string][]byte{"x": x, "y": y}) }
	named := func(names ...string) map[string][]byte {
		return npz(map[string][]byte{names[0]: x, names[1]: ft.Array("<i8", []int{3}, []float64{2, 0, 2})})
	}
	numbers := ft.Array("<i8", []int{3}, []float64{2, 0, 2})
	part := func(x0 float64) []byte { return ft.Array("|u1", []int{2, 2, 2}, ramp(8, x0, 1)) }
	labels := ft.Array("|u1", []int{2, 1}, []float64{0, 1})
	medmnist := npz(map[string][]byte{"train_images": part(0), "train_labels": labels, "val_images": part(50),
		"val_labels": labels, "test_images": part(100), "test_labels": labels})
	var cases []fieldCase
	for name, y := range map[string][]byte{
		"int64": numbers, "a column": ft.Array("<i8", []int{3, 1}, []float64{2, 0, 2}), "a row": ft.Array("<i8",
			[]int{1, 3}, []float64{2, 0, 2}), "floats": ft.Array("<f8", []int{3}, []float64{2, 0,
			2}), "uint8": ft.Array("|u1", []int{3}, []float64{2, 0, 2}),
	} {
		cases = append(cases, fieldCase{name: name, files: set(y), train: want, y: []int{1, 0, 1},
			classes: []string{"0", "2"}})
	}
	for _, names := range [][]string{{"X", "y"}, {"data", "target"}, {"images", "labels"}, {"features", "targets"},
		{"arr_0", "arr_1"}, {"inputs", "outputs"}, {"fea", "gnd"}, {"image", "label"}, {"X_train",
			"Y_train"}, {"train_x", "train_y"}, {"x-train", "y-train"}} {
		cases = append(cases, fieldCase{name: names[0] + " and " + names[1], files: named(names...), train: want,
			y: []int{1, 0, 1}})
	}
	bunch := map[string][]byte{"data": ft.Array("<f8", []int{3, 4}, []float64{0, 16, 8, 4, 1, 2, 3, 4, 16, 15, 14, 13}),
		"images": ft.Array("<f8", []int{3, 2, 2}, []float64{0, 16, 8, 4, 1, 2, 3, 4, 16, 15, 14,
			13}), "target": numbers, "target_names": ft.Array("<i8", []int{3}, []float64{0, 1, 2}), "DESCR": ft.Words("x")}
	cases = append(cases,
		fieldCase{name: "words", files: set(ft.Words("dog", "ant", "dog")), train: want, y: []int{1, 0, 1},
			classes: []string{"ant", "dog"}},
		fieldCase{name: "bytes for words", files: set(ft.NumPy("|S3", false, "(3,)", []byte("dogantdog"))),
			y: []int{1, 0, 1}, classes: []string{"ant", "dog"}},
		fieldCase{name: "one-hot", files: set(ft.Array("<f4", []int{3, 3}, []float64{0, 0, 1, 1, 0, 0, 0, 0, 1})),
			y: []int{2, 0, 2}, classes: []string{"0", "1", "2"}, notes: []string{"labels-one-hot"}},
		fieldCase{name: "one-hot of truths", files: set(ft.Array("|b1", []int{3, 2}, []float64{0, 1, 1, 0, 0, 1})),
			y: []int{1, 0, 1}},
		fieldCase{name: "soft labels", files: set(ft.Array("<f4", []int{3, 2}, []float64{.5, .5, 1, 0, 0, 1})),
			refused: "no one-hot row"},
		fieldCase{name: "several labels", files: set(ft.Array("<f4", []int{3, 2}, []float64{1, 1, 1, 0, 0, 1})),
			refused: "no one-hot row"},
		fieldCase{name: "fractions", files: set(ft.Array("<f4", []int{3}, []float64{.5, 1, 2})),
			refused: "no whole number"},
		fieldCase{name: "NaN", files: set(ft.Array("<f4", []int{3}, []float64{math.NaN(), 1, 2})),
			refused: "no finite number"},
		fieldCase{name: "too many", files: set(ft.Array("<i8", []int{4}, []float64{1, 2, 1, 2})), refused: "4 labels"},
		fieldCase{name: "class names beside", files: npz(map[string][]byte{"x": x, "y": numbers,
			"class_names": ft.Words("ant", "bee",
				"cow")}), classes: []string{"ant", "bee", "cow"}, y: []int{2, 0, 2}, notes: []string{"class-names"}},
		fieldCase{name: "too few class names", files: npz(map[string][]byte{"x": x, "y": numbers,
			"class_names": ft.Words("ant", "bee")}), classes: []string{"0", "2"}, notes: []string{"class-names"}},
		fieldCase{name: "MedMNIST", files: medmnist, train: images(ramp(8, 0, 1), 2), test: images(ramp(8, 100, 1), 2),
			notes: []string{"part-validation"}, r: open.Reading{White: 255}},
		fieldCase{name: "MedMNIST, validation trained on", files: medmnist,
			r: open.Reading{White: 255, Parts: map[string]string{"val": "train"}}, train: append(images(ramp(8, 0, 1),
				2), images(ramp(8, 50, 1), 2)...)},
		fieldCase{name: "Keras", files: npz(map[string][]byte{"x_train": part(0), "y_train": labels,
			"x_test": part(200), "y_test": labels}), train: images(ramp(8, 0, 1), 2), test: images(ramp(8, 200, 1), 2),
			r: open.Reading{White: 255}},
		fieldCase{name: "scikit-learn's digits", files: npz(bunch),
			train: rows(singles([]float64{0, 16, 8, 4}, 16), singles([]float64{1, 2, 3, 4}, 16),
				singles([]float64{16, 15, 14, 13}, 16)), classes: []string{"0", "2"}, shape: data.Shape{C: 1, H: 2, W: 2}},
		fieldCase{name: ".npy files in a folder", files: map[string][]byte{"X.npy": x, "y.npy": numbers,
			"readme.md": []byte("x")}, train: want, y: []int{1, 0, 1}},
		fieldCase{name: "one .npy file of them", files: map[string][]byte{"X.npy": x, "y.npy": numbers}, path: "X.npy",
			train: want},
	)
	walk(t, cases)
}

// Old: pickles and MATLAB files were not read.
func TestPickledAndMatlabArraysAreRead(t *testing.T) {
	want := rows([]float32{1, 2}, []float32{3, 4}, []float32{5, 6})
	mnist := func(of ...float64) ft.Tuple {
		return ft.Tuple{ft.Nd{DType: "f4", Dims: []int{len(of), 4}, Values: repeatedEach(of, 4)},
			ft.Nd{DType: "i8", Dims: []int{len(of)}, Values: ramp(len(of), 0, 1)}}
	}
	four := imageTask(data.Shape{C: 1, H: 2, W: 2}, "0", "1", "2", "3")
	quarter := func(v ...float32) (out [][]float32) {
		for _, v := range v {
			out = append(out, []float32{v, v, v, v})
		}
		return out
	}
	walk(t, []fieldCase{
		{name: "mnist.pkl.gz", files: map[string][]byte{"mnist.pkl.gz": ft.Gzip(ft.Pickle(ft.Tuple{mnist(0,
			.25, .5, 1), mnist(.1), mnist(.75, .5)}))}, path: "mnist.pkl.gz", task: four, train: quarter(0, .25, .5, 1),
			test: quarter(.75, .5), y: []int{0, 1, 2, 3}, notes: []string{"part-validation"}},
		{name: "mnist.pkl.gz, validation trained on",
			files: map[string][]byte{"mnist.pkl.gz": ft.Gzip(ft.Pickle(ft.Tuple{mnist(0, 1), mnist(.5),
				mnist(.75)}))}, path: "mnist.pkl.gz", task: four, r: open.Reading{Parts: map[string]string{"valid": "train"}},
			train: quarter(0, 1, .5), test: quarter(.75)},
		{name: "a pickled dict", files: map[string][]byte{"d.pkl": ft.Pickle(ft.Dict{"x_train",
			ft.Nd{DType: "f8", Dims: []int{2, 2}, Values: []float64{1, 2, 3, 4}}, "y_train", []any{"b",
				"a"}, "note", "hello"})}, path: "d.pkl", train: rows([]float32{1, 2}, []float32{3, 4}),
			classes: []string{"a", "b"}, y: []int{1, 0}},
		{name: "pickled lists", files: map[string][]byte{"d.pickle": ft.Pickle(ft.Dict{"data", []any{[]any{1,
			2}, []any{3, 4.5}}, "target", []any{1, 0}})}, path: "d.pickle", train: rows([]float32{1, 2}, []float32{3, 4.5}),
			y: []int{1, 0}},
		{name: "a pickle of code",
			files: map[string][]byte{"d.pkl": []byte("\x80\x02cos\nsystem\n(S'id'\ntR.")}, path: "d.pkl", refused: "os"},
		{name: "a MATLAB file", files: map[string][]byte{"d.mat": ft.Mat(ft.Matrix{Name: "X", Dims: []int{3,
			2}, Values: []float64{1, 2, 3, 4, 5, 6}}, ft.Matrix{Name: "y", Dims: []int{3, 1}, Values: []float64{1, 2, 1}})},
			path: "d.mat", train: want, classes: []string{"1", "2"}, y: []int{0, 1, 0}},
		{name: "a MATLAB file, samples last", files: map[string][]byte{"d.mat": matLast()}, path: "d.mat",
			train: images(scene(5, 3, 8, 9), 5), shape: data.Shape{C: 3, H: 8, W: 9}, notes: []string{"layout"}},
	})
}

// noise is values of 0 to 255 without any order.
func noise(n int) []float64 {
	rng := rand.New(rand.NewPCG(3, 4))
	out := make([]float64, n)
	for i := range out {
		out[i] = float64(rng.IntN(256))
	}
	return out
}

func repeatedEach(v []float64, n int) (out []float64) {
	for _, x := range v {
		for range n {
			out = append(out, x)
		}
	}
	return out
}

func matLast() []byte {
	v, dims := moved(scene(5, 3, 8, 9), [4]int{5, 3, 8, 9}, "HWCN")
	return ft.Mat(ft.Matrix{Name: "X", Dims: dims, Values: v},
		ft.Matrix{Name: "y", Dims: []int{5, 1}, Values: []float64{1, 2, 1, 2, 2}})
}
