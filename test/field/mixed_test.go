package field

import (
	"fmt"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	ft "github.com/distillmesh/distillmesh/train/data/files/filestest"
	"github.com/distillmesh/distillmesh/train/data/open"
)

// Parts that lie in files of several kinds, or have values of several scales.
func TestPartsOfSeveralKindsAreOneSetOrRefused(t *testing.T) {
	table := []byte("a,b,label\n1,2,0\n3,4,1\n5,6,0\n")
	x := ft.Array("<f8", []int{2, 2}, []float64{1, 2, 3, 4})
	y := ft.Array("<i8", []int{2}, []float64{0, 1})
	archive := ft.NPZ(map[string][]byte{"x": x, "y": y})
	scaled := func(v []float64, by float64) []float64 {
		out := make([]float64, len(v))
		for i := range v {
			out[i] = v[i] * by
		}
		return out
	}
	bright := append(ramp(7, 0, 30), 255)
	bytes, floats := ft.Array("|u1", []int{2, 2, 2}, bright), ft.Array("<f4", []int{2, 2, 2}, scaled(bright, 1./255))
	want := rows(singles(bright[:4], 255), singles(bright[4:], 255))
	wide := func(train, test []byte) map[string][]byte {
		return npz(map[string][]byte{"x_train": train, "y_train": y, "x_test": test, "y_test": y})
	}
	walk(t, []fieldCase{
		{name: "an archive to train on, a table to test with",
			files: map[string][]byte{"train.npz": archive, "test.csv": table}, train: rows([]float32{1, 2},
				[]float32{3, 4}), test: rows([]float32{1, 2}, []float32{3, 4}, []float32{5, 6}), testY: []int{0, 1, 0}},
		{name: "a table to train on, an archive to test with",
			files: map[string][]byte{"train.csv": table, "test.npz": archive}, test: rows([]float32{1, 2},
				[]float32{3, 4})},
		{name: "a table to train on, Parquet to test with",
			files: map[string][]byte{"train.csv": []byte("width,height,mass,label\n1,2,3,a\n4,5,6,b\n"),
				"test.parquet": parquetFile([]abRow{{2, "a", 3, 1}})}, test: rows([]float32{1, 2, 3})},
		{name: "a table to train on, an archive of other features to test with",
			files: map[string][]byte{"train.csv": []byte("a,b,c,label\n1,2,3,0\n4,5,6,1\n"),
				"test.npz": archive}, refused: "samples are"},
		{name: "bytes to train on, bytes to test with", files: wide(bytes, bytes), train: want, test: want},
		{name: "bytes to train on, floats to test with", files: wide(bytes, floats), notes: []string{"dark"}},
		{name: "floats to train on, bytes to test with", files: wide(floats, bytes), refused: "a pixel is"},
		{name: "bytes and floats to train on", files: npz(map[string][]byte{"x_train": bytes, "y_train": y,
			"x_val": floats, "y_val": y}), r: open.Reading{Parts: map[string]string{"val": "train"}}, refused: "0 to 255"},
	})
}

// EMNIST lies on its side in every form in which it is published.
func TestEMNISTIsUprightInEveryForm(t *testing.T) {
	var text strings.Builder
	for s := range 3 {
		fmt.Fprintf(&text, "%d", s+1)
		for i := range 784 {
			fmt.Fprintf(&text, ",%d", (s*7+i)%256)
		}
		text.WriteString("\n")
	}
	turned := make([][]float32, 3)
	for s := range turned {
		for i := range 784 {
			turned[s] = append(turned[s], float32((s*7+i%28*28+i/28)%256)/255)
		}
	}
	task := imageTask(data.Shape{C: 1, H: 28, W: 28}, "1", "2", "3")
	label := open.Reading{Label: "1"}
	walk(t, []fieldCase{
		{name: "IDX", files: idxPair("emnist-letters-train", []byte{1, 2, 3}, 2, 2), train: counting(3, 2, 2, true),
			notes: []string{"emnist"}},
		{name: "a table", files: map[string][]byte{"emnist-letters-train.csv": []byte(text.String())}, r: label,
			task: task, train: turned, y: []int{0, 1, 2}, notes: []string{"emnist"}},
		{name: "a table by its path", files: map[string][]byte{"emnist-letters-train.csv": []byte(text.String())},
			path: "emnist-letters-train.csv", r: label, task: task, train: turned, notes: []string{"emnist"}},
		{name: "a table of another name", files: map[string][]byte{"letters-train.csv": []byte(text.String())},
			path: "letters-train.csv", r: label, task: task, y: []int{0, 1, 2}},
	})
}

// Rows become images row by row: columns in another order would shuffle them.
func TestColumnsOfPixelsAreInTheirOrder(t *testing.T) {
	task := imageTask(data.Shape{C: 1, H: 2, W: 6}, "a", "b")
	table := func(names ...string) map[string][]byte {
		return csv(strings.Join(append(names, "label"), ",") + "\n0,10,20,30,40,50,60,70,80,90,100,255,a\n" +
			"255,0,0,0,0,0,0,0,0,0,0,1,b\n")
	}
	var pixels, grid, turned []string
	for i := range 12 {
		pixels = append(pixels, fmt.Sprint("pixel", i))
		grid = append(grid, fmt.Sprintf("%dx%d", i/6+1, i%6+1))
		turned = append(turned, fmt.Sprintf("%dx%d", i%2+1, i/2+1))
	}
	sorted := append([]string{pixels[0], pixels[1], pixels[10], pixels[11]}, pixels[2:10]...)
	want := rows(grays(0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 255), grays(255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1))
	walk(t, []fieldCase{
		{name: "counted", files: table(pixels...), task: task, train: want},
		{name: "by row and column", files: table(grid...), task: task, train: want},
		{name: "sorted by letter", files: table(sorted...), task: task, refused: "pixel11 comes before pixel2"},
		{name: "sorted by letter, accepted", files: table(sorted...), task: task,
			r: open.Reading{Accept: []string{"pixel-order"}}, train: want},
		{name: "column by column", files: table(turned...), task: task, refused: "2x1 comes before 1x2"},
		{name: "of a table", files: table(sorted...), shape: data.Shape{C: 1, H: 1, W: 12}},
	})
}
