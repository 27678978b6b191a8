package field

import (
	"fmt"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files"
	ft "github.com/distillmesh/distillmesh/train/data/files/filestest"
	"github.com/distillmesh/distillmesh/train/data/open"
)

// Old: a task held no names, and the columns of the second device were taken by
// their place.
func TestColumnsMeetThoseOfATaskByName(t *testing.T) {
	task := tableTask([]string{"no", "yes"}, "width", "height", "mass")
	want := rows([]float32{1, 2, 3}, []float32{4, 5, 6})
	y := []int{0, 1}
	row := func(header string, lines ...string) map[string][]byte {
		return csv(header + "\n" + strings.Join(lines, "\n") + "\n")
	}
	parquet := map[string][]byte{"d.parquet": parquetFile([]abRow{{Height: 2, Mass: 3, Width: 1, Label: "no"},
		{Height: 5, Mass: 6, Width: 4, Label: "yes"}})}
	index := "id,width,height,mass,label\n"
	for i := range 12 {
		index += fmt.Sprintf("%d,1,2,3,%s\n", i+1, []string{"no", "yes"}[i%2])
	}
	walk(t, []fieldCase{
		{name: "the same order", files: row("width,height,mass,label", "1,2,3,no", "4,5,6,yes"), task: task,
			train: want, y: y},
		{name: "another order", files: row("mass,label,height,width", "3,no,2,1", "6,yes,5,4"), task: task, train: want,
			y: y, notes: []string{"column-order"}},
		{name: "Parquet", files: parquet, task: task, train: want, y: y},
		{name: "another case and blanks", files: row("Mass , label,HEIGHT,Width", "3,no,2,1", "6,yes,5,4"), task: task,
			train: want, y: y, notes: []string{"column-name"}},
		{name: "a column missing", files: row("width,height,label", "1,2,no", "4,5,yes"), task: task,
			refused: "columns of the task are not there: mass"},
		{name: "a column called otherwise", files: row("width,height,weight,label", "1,2,3,no", "4,5,6,yes"),
			task: task, refused: "mass"},
		{name: "a column more", files: row("width,height,mass,age,label", "1,2,3,9,no", "4,5,6,9,yes"), task: task,
			refused: "columns that the task does not have: age"},
		{name: "a column more, dropped", files: row("width,height,mass,age,label", "1,2,3,9,no", "4,5,6,9,yes"),
			r: open.Reading{Drop: []string{"age"}}, task: task, train: want, y: y},
		{name: "row numbers more", files: csv(index), task: task, notes: []string{"id-column"},
			train: func() (out [][]float32) {
				for range 12 {
					out = append(out, []float32{1, 2, 3})
				}
				return out
			}()},
		{name: "labels under another name", files: row("mass,width,outcome,height", "3,1,no,2", "6,4,yes,5"),
			task: task, train: want, y: y},
		{name: "no header", files: csv("1,2,3,no\n4,5,6,yes\n"), task: task, train: want,
			notes: []string{"column-order"}},
		{name: "no header and a field less", files: csv("1,2,no\n4,5,yes\n"), task: task, refused: "the task has 3"},
		{name: "a name twice", files: row("width,height,mass,mass,label", "1,2,3,3,no", "4,5,6,6,yes"), task: task,
			refused: "both called"},
		{name: "train and test, each in an order of its own",
			files: map[string][]byte{"train.csv": []byte("height,mass,width,label\n2,3,1,no\n5,6,4,yes\n"),
				"test.csv": []byte("label,mass,width,height\nyes,3,1,2\n")}, task: task, train: want, test: rows([]float32{1, 2,
				3}), testY: []int{1}},
		{name: "Parquet train and test, each in an order of its own",
			files: map[string][]byte{"train.parquet": parquetFile([]abRow{{Height: 2, Mass: 3, Width: 1, Label: "no"},
				{Height: 5, Mass: 6, Width: 4, Label: "yes"}}),
				"test.parquet": parquetFile([]baRow{{Width: 9, Height: 8, Mass: 7,
					Label: "yes"}})}, train: rows([]float32{2, 3, 1}, []float32{5, 6, 4}), test: rows([]float32{8, 7, 9}),
			testY: []int{1}},
	})
}

// Old: 1 and 2 became the second and third class of a task of three.
func TestNumbersMeetNamedClassesOnlyAsSaid(t *testing.T) {
	three := tableTask([]string{"setosa", "versicolor", "virginica"}, "a", "b")
	one := func(labels ...int) map[string][]byte {
		text := "a,b,label\n"
		for i, y := range labels {
			text += fmt.Sprintf("%d,%d,%d\n", i, i+1, y)
		}
		return csv(text)
	}
	picture := imageTask(data.Shape{C: 1, H: 2, W: 2}, "cat", "dog", "eel")
	array := func(labels ...float64) map[string][]byte {
		return npz(map[string][]byte{"x": ft.Array("|u1", []int{len(labels), 2, 2}, ramp(4*len(labels), 0, 1)),
			"y": ft.Array("<i8", []int{len(labels)}, labels)})
	}
	mat := map[string][]byte{"d.mat": ft.Mat(ft.Matrix{Name: "X", Dims: []int{2, 2, 2}, Values: ramp(8, 0, 32)},
		ft.Matrix{Name: "y", Dims: []int{2, 1}, Values: []float64{1, 2}})}
	first := func(n string) open.Reading { return open.Reading{FirstLabel: n} }
	walk(t, []fieldCase{
		{name: "1 and 2 of three", files: one(1, 2, 1), task: three, refused: "--first-label"},
		{name: "1 and 2 of three, from 1", files: one(1, 2, 1), r: first("1"), task: three, y: []int{0, 1, 0}},
		{name: "1 and 2 of three, from 0", files: one(1, 2, 1), r: first("0"), task: three, y: []int{1, 2, 1}},
		{name: "1 to 3 of three", files: one(3, 2, 1), task: three, refused: "--first-label"},
		{name: "0 to 2 of three", files: one(2, 0, 1), task: three, y: []int{2, 0, 1}, notes: []string{"first-label"}},
		{name: "0 and 3 of three", files: one(0, 3), task: three, refused: "none of task"},
		{name: "0 said to be 1", files: one(0, 1), r: first("1"), task: three, refused: "first was said to be 1"},
		{name: "one class alone", files: one(2, 2, 2), task: three, refused: "--first-label"},
		{name: "floats", files: csv("a,b,label\n1,2,1.0\n2,3,2.0\n"), task: three, refused: "--first-label"},
		{name: "names", files: csv("a,b,label\n1,2,virginica\n2,3,setosa\n"), task: three, y: []int{2, 0}},
		{name: "numbers that are the names", files: one(2, 3, 2), task: tableTask([]string{"1", "2", "3"}, "a", "b"),
			y: []int{1, 2, 1}},
		{name: "arrays from 1", files: array(1, 2), task: picture, refused: "--first-label"},
		{name: "arrays from 0", files: array(0, 2), task: picture, y: []int{0, 2}},
		{name: "MATLAB counts from 1", files: mat, r: first("1"), task: picture, y: []int{0, 1}},
		{name: "MATLAB, not said", files: mat, task: picture, refused: "--first-label"},
		{name: "one-hot rows", files: npz(map[string][]byte{"x": ft.Array("|u1", []int{2, 2, 2}, ramp(8, 0, 1)),
			"y": ft.Array("|u1", []int{2, 3}, []float64{0, 1, 0, 0, 0, 1})}), task: picture, y: []int{1, 2}},
		{name: "IDX counts from 0", files: idxPair("train", []byte{1, 2}, 2, 2), task: picture, y: []int{1, 2}},
		{name: "no number", files: one(1, 2), r: first("2"), task: three, refused: "want 0 or 1"},
	})
}

// idxPair are IDX files of small images whose pixels count up.
func idxPair(name string, labels []byte, h, w int) map[string][]byte {
	n := len(labels)
	pixels := make([]byte, n*h*w)
	for i := range pixels {
		pixels[i] = byte(i)
	}
	return map[string][]byte{name + "-images-idx3-ubyte": ft.IDX([]uint32{uint32(n), uint32(h), uint32(w)}, pixels),
		name + "-labels-idx1-ubyte": ft.IDX([]uint32{uint32(n)}, labels)}
}

// Words become values on request, and a task keeps which.
func TestWordsAndDatesBecomeValuesOnRequest(t *testing.T) {
	table := "color,size,label\nred,1,a\nblue,2,b\ngreen,3,a\nred,4,b\n"
	encode := open.Reading{Encode: true}
	task := tableTask([]string{"a", "b"}, "color", "size")
	task.Features[0] = files.Feature{Name: "color", Kind: files.OneHotKind, Levels: []string{"blue", "green", "red"}}
	task.Shape.W, task.Mean, task.Std = 4, []float64{0}, []float64{1}
	task = task.Filled()
	dated := "when,v,label\n2024-01-01,1,a\n2024-01-02,2,b\n1970-01-01,3,a\n"
	dates := rows([]float32{1704067200, 1}, []float32{1704153600, 2}, []float32{0, 3})
	days := tableTask([]string{"a", "b"}, "when", "v")
	days.Features[0].Kind = files.DateKind
	walk(t, []fieldCase{
		{name: "not asked for", files: csv(table), refused: "--encode"},
		{name: "asked for", files: csv(table), r: encode, shape: data.Shape{C: 1, H: 1, W: 4},
			notes: []string{"one-hot"},
			train: rows([]float32{0, 0, 1, 1}, []float32{1, 0, 0, 2}, []float32{0, 1, 0, 3}, []float32{0, 0, 1, 4})},
		{name: "a second device with some of the words", files: csv("label,size,color\nb,7,green\na,8,red\n"),
			task: task, train: rows([]float32{0, 1, 0, 7}, []float32{0, 0, 1, 8}), y: []int{1, 0}},
		{name: "a second device with another word", files: csv("color,size,label\npink,7,a\nred,8,b\n"), task: task,
			refused: `"pink" is none of the words`},
		{name: "a second device with numbers", files: csv("color,size,label\n3,7,a\n4,8,b\n"), task: task,
			refused: `none of the words`},
		{name: "words where numbers belong", files: csv("color,size,label\nred,big,a\nblue,small,b\n"), task: task,
			refused: "no finite number"},
		{name: "another word to test with", files: map[string][]byte{"train.csv": []byte(table),
			"test.csv": []byte("color,size,label\npink,1,a\n")}, r: encode, refused: `"pink" is none of the words`},
		{name: "dates, not asked for", files: csv(dated), refused: "--dates"},
		{name: "dates", files: csv(dated), r: open.Reading{Dates: true}, train: dates, notes: []string{"date"}},
		{name: "dates of a second device", files: csv("v,when,label\n1,2024-01-01,a\n2,2024-01-02,b\n3,1970-01-01,a\n"),
			task: days, train: dates},
		{name: "times with zones",
			files: csv("when,v,label\n1970-01-01T01:00:00Z,1,a\n1970-01-01T01:00:00+01:00,2,b\n1970-01-01 00:00:05,3,a\n"),
			r:     open.Reading{Dates: true}, train: rows([]float32{3600, 1}, []float32{0, 2}, []float32{5, 3})},
		{name: "days before months", files: csv("when,v,label\n31/12/2024,1,a\n01/02/2024,2,b\n"),
			r: open.Reading{Dates: true}, refused: "text in column"},
		{name: "no date among dates", files: csv(dated + "soon,4,b\n"), r: open.Reading{Dates: true},
			refused: "text in column"},
		{name: "true and false", files: csv("up,v,label\nTrue,1,a\nFalse,2,b\nTRUE,3,a\n"),
			train: rows([]float32{1, 1}, []float32{0, 2}, []float32{1, 3}), notes: []string{"boolean"}},
	})
}
