package field

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	ft "github.com/distillmesh/distillmesh/train/data/files/filestest"
)

// merged joins files.
func merged(all ...map[string][]byte) map[string][]byte {
	out := map[string][]byte{}
	for _, m := range all {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}

// counting are the images of idxPair: pixel i of all is i, each image turned or not.
func counting(n, h, w int, turned bool) (out [][]float32) {
	for s := range n {
		x := make([]float32, h*w)
		for i := range x {
			at := i
			if turned {
				at = i%h*w + i/h
			}
			x[i] = float32(s*h*w+at) / 255
		}
		out = append(out, x)
	}
	return out
}

// Old: letters counted from 1 had a first class "0" without samples, and EMNIST lay
// on its side.
func TestLabelsOfIDXFilesKeepTheirRange(t *testing.T) {
	var letters []byte
	var classes []string
	for i := range 26 {
		letters, classes = append(letters, byte(i+1)), append(classes, fmt.Sprint(i+1))
	}
	gap := []byte{0, 1, 4, 0}
	four := ft.IDX([]uint32{2, 4, 4, 3}, func() (b []byte) {
		for i := range 96 {
			b = append(b, byte(2*i))
		}
		return b
	}())
	planes := func(s int) []float32 {
		var x []float32
		for c := range 3 {
			for p := range 16 {
				x = append(x, float32(2*(48*s+3*p+c))/255)
			}
		}
		return x
	}
	labels := ft.IDX([]uint32{2}, []byte{0, 1})
	walk(t, []fieldCase{
		{name: "letters", files: merged(idxPair("emnist-letters-train", letters, 2, 2), idxPair("emnist-letters-test",
			[]byte{1,
				26}, 2, 2)), classes: classes, train: counting(26, 2, 2, true), test: counting(2, 2, 2, true),
			testY: []int{0, 25}, notes: []string{"emnist"}},
		{name: "letters, of another name", files: idxPair("mine-train", letters, 2, 2), classes: classes,
			train: counting(26, 2, 2, false)},
		{name: "EMNIST that is not square", files: idxPair("emnist-digits-train", []byte{0, 1}, 2, 3),
			train: counting(2, 2, 3, true), shape: data.Shape{C: 1, H: 3, W: 2}},
		{name: "EMNIST in a folder of its own, compressed", files: func() map[string][]byte {
			out := map[string][]byte{}
			for name, b := range idxPair("emnist-balanced-train", []byte{0, 1, 2}, 2, 2) {
				out["gzip/"+name+".gz"] = ft.Gzip(b)
			}
			return out
		}(), train: counting(3, 2, 2, true)},
		{name: "several sets", files: merged(idxPair("emnist-letters-train", []byte{1, 2}, 2, 2),
			idxPair("emnist-digits-train", []byte{0, 1}, 2, 2)), refused: "one of their files"},
		{name: "one of several sets", files: merged(idxPair("emnist-letters-train", []byte{1, 2}, 2, 2),
			idxPair("emnist-digits-train", []byte{0, 1}, 2,
				2)), path: "emnist-digits-train-images-idx3-ubyte", classes: []string{"0", "1"}},
		{name: "a gap", files: idxPair("train", gap, 2, 2), classes: []string{"0", "1", "4"}, y: []int{0, 1, 2, 0},
			notes: []string{"label-gap"}},
		{name: "from 0", files: idxPair("train", []byte{2, 0, 1}, 2, 2), classes: []string{"0", "1", "2"},
			y: []int{2, 0, 1}, train: counting(3, 2, 2, false)},
		{name: "names with points", files: func() map[string][]byte {
			out := map[string][]byte{}
			for name, b := range idxPair("train", []byte{1, 0}, 2, 2) {
				out[string(bytes.ReplaceAll([]byte(name), []byte("-idx"), []byte(".idx")))] = b
			}
			return out
		}(), y: []int{1, 0}},
		{name: "t10k to test with", files: merged(idxPair("train", []byte{1, 0}, 2, 2), idxPair("t10k", []byte{0, 1}, 2,
			2)), y: []int{1, 0}, testY: []int{0, 1}},
		{name: "color, channels last", files: map[string][]byte{"train-images-idx4-ubyte": four,
			"train-labels-idx1-ubyte": labels}, shape: data.Shape{C: 3, H: 4, W: 4}, train: rows(planes(0), planes(1)),
			notes: []string{"layout"}},
		{name: "color, channels first", files: map[string][]byte{"train-images-idx4-ubyte": ft.IDX([]uint32{2, 3, 4, 4},
			bytes.Repeat([]byte{7}, 96)), "train-labels-idx1-ubyte": labels}, shape: data.Shape{C: 3, H: 4, W: 4}},
		{name: "more labels than images", files: map[string][]byte{"train-images-idx3-ubyte": ft.IDX([]uint32{2, 2, 2},
			make([]byte, 8)), "train-labels-idx1-ubyte": ft.IDX([]uint32{3}, []byte{0, 1,
			2})}, refused: "3 labels for 2 images"},
	})
}

// cifarImage is an image whose planes are v, v+1 and v+2.
func cifarImage(v byte) []byte {
	return bytes.Join([][]byte{bytes.Repeat([]byte{v}, 1024), bytes.Repeat([]byte{v + 1}, 1024),
		bytes.Repeat([]byte{v + 2}, 1024)}, nil)
}

// Old: the Python version was not read.
func TestBothVersionsOfCIFARAreTheSame(t *testing.T) {
	labels := [][]int{{3, 9}, {0, 1}, {2, 4}, {5, 6}, {7, 8}}
	binary, python := map[string][]byte{}, map[string][]byte{}
	var want [][]float32
	var y []int
	record := func(labels []int, v byte) (bin []byte, values []float64, list []any) {
		for i, label := range labels {
			image := cifarImage(v + byte(10*i))
			bin = append(append(bin, byte(label)), image...)
			for _, p := range image {
				values = append(values, float64(p))
			}
			list = append(list, label)
		}
		return bin, values, list
	}
	batch := func(values []float64, list []any) ft.Dict {
		return ft.Dict{ft.Bytes("batch_label"), ft.Bytes("training batch"), ft.Bytes("labels"), list, ft.Bytes("data"),
			ft.Nd{DType: "u1", Dims: []int{len(list), 3072},
				Values: values}, ft.Bytes("filenames"), []any{ft.Bytes("x.png"), ft.Bytes("y.png")}}
	}
	for i, l := range labels {
		bin, values, list := record(l, byte(20*i))
		binary[fmt.Sprintf("data_batch_%d.bin", i+1)] = bin
		python[fmt.Sprintf("cifar-10-batches-py/data_batch_%d", i+1)] = ft.Pickle(batch(values, list))
		for k, label := range l {
			want, y = append(want, grays(cifarImage(byte(20*i+10*k))...)), append(y, label)
		}
	}
	bin, values, list := record([]int{9, 0}, 200)
	binary["test_batch.bin"], python["cifar-10-batches-py/test_batch"] = bin, ft.Pickle(batch(values, list))
	names := []any{}
	for _, c := range data.WellKnownTask("cifar-10").Classes {
		names = append(names, ft.Bytes(c))
	}
	python["cifar-10-batches-py/batches.meta"] = ft.Pickle(ft.Dict{ft.Bytes("label_names"), names})
	test := rows(grays(cifarImage(200)...), grays(cifarImage(210)...))
	tenth := data.WellKnownTask("cifar-10")
	hundred := merged(map[string][]byte{"train.bin": append([]byte{19, 99}, cifarImage(7)...),
		"test.bin": append([]byte{1, 3}, cifarImage(9)...)})
	fine := map[string][]byte{"train": ft.Pickle(ft.Dict{ft.Bytes("fine_labels"), []any{99}, ft.Bytes("coarse_labels"),
		[]any{19}, ft.Bytes("data"), ft.Nd{DType: "u1", Dims: []int{1, 3072}, Values: wideFloats(cifarImage(7))}})}
	walk(t, []fieldCase{
		{name: "binary", files: binary, task: tenth, train: want, y: y, test: test, testY: []int{9, 0}},
		{name: "Python, recognized by its names", files: python, train: want, y: y, test: test, testY: []int{9, 0},
			classes: tenth.Classes},
		{name: "Python, in an archive", files: map[string][]byte{"cifar-10-python.tar.gz": ft.Gzip(ft.Tar(python))},
			path: "cifar-10-python.tar.gz", train: want, y: y, test: test, classes: tenth.Classes},
		{name: "binary, in an archive", files: map[string][]byte{"cifar.zip": ft.Zip(binary)}, path: "cifar.zip",
			task: tenth, train: want, test: test},
		{name: "one file of the Python version", files: python, path: "cifar-10-batches-py/data_batch_3", train: want,
			y: y},
		{name: "a hundred, fine labels", files: hundred, task: data.WellKnownTask("cifar-100"),
			train: rows(grays(cifarImage(7)...)), y: []int{99}, testY: []int{3}},
		{name: "a hundred, Python", files: fine, task: data.WellKnownTask("cifar-100"),
			train: rows(grays(cifarImage(7)...)), y: []int{99}},
	})
}

func wideFloats(b []byte) []float64 {
	out := make([]float64, len(b))
	for i, v := range b {
		out[i] = float64(v)
	}
	return out
}
