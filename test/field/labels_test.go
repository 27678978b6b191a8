package field

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/open"
)

// lines joins rows of a table.
func lines(rows ...string) map[string][]byte { return csv(strings.Join(rows, "\n") + "\n") }

// many are n rows of a format with the row's number, a fraction and a class of three.
func many(n int, row func(i int, v float64, y int) string, header ...string) map[string][]byte {
	rng := rand.New(rand.NewPCG(1, 2))
	out := header
	for i := range n {
		out = append(out, row(i, float64(rng.IntN(100000))/1000, rng.IntN(3)))
	}
	return lines(out...)
}

// classesOf are the classes that many draws.
func classesOf(n int) (y []int) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range n {
		rng.IntN(100000)
		y = append(y, rng.IntN(3))
	}
	return y
}

// Old: the last column was taken for labels, 84 of them in 90 rows.
func TestWhichColumnHoldsTheLabelsIsJudged(t *testing.T) {
	first := many(90, func(i int, v float64, y int) string { return fmt.Sprintf("%d,%.3f,%.3f", y, v, v*v) })
	digits := many(60, func(i int, v float64, y int) string { return fmt.Sprintf("%d,%d,%d,0,0", y, int(v), int(v)/2) })
	mostly := many(60, func(i int, v float64, y int) string {
		return fmt.Sprintf("%d,%d,%d,0,%d", y, int(v), int(v)/2, map[bool]int{true: 7}[i == 9])
	})
	y := classesOf(90)
	label := func(l string) open.Reading { return open.Reading{Label: l} }
	walk(t, []fieldCase{
		{name: "first, no header", files: first, refused: "--label"},
		{name: "first, no header, said", files: first, r: label("1"), y: y, classes: []string{"0", "1", "2"}},
		{name: "first, pixels behind it that are all black at the end", files: digits, refused: "--label"},
		{name: "first, pixels behind it that are nearly all black at the end", files: mostly, refused: "--label"},
		{name: "first, of a task of images", files: digits,
			task: imageTask(data.Shape{C: 1, H: 2, W: 2}, "0", "1", "2"), refused: "--label"},
		{name: "first, of a task of images, said", files: digits, r: open.Reading{Label: "1", White: 255},
			task: imageTask(data.Shape{C: 1, H: 2, W: 2}, "0", "1", "2"), y: classesOf(60)},
		{name: "first, of text", files: lines("a,1,2", "b,3,4", "a,5,6"),
			train: rows([]float32{1, 2}, []float32{3, 4}, []float32{5, 6}), y: []int{0, 1,
				0}, notes: []string{"label-column"}},
		{name: "first, by its name", files: lines("label,f,g", "0,1,2", "1,3,4", "0,5,6"),
			train: rows([]float32{1, 2}, []float32{3, 4}, []float32{5, 6}), y: []int{0, 1,
				0}, notes: []string{"label-column"}},
		{name: "in the middle, by its name", files: lines("f,Class,g", "1,0,2", "3,1,4"),
			train: rows([]float32{1, 2}, []float32{3, 4}), y: []int{0, 1}},
		{name: "last, whole numbers", files: lines("1.5,2,0", "3.5,4,1", "5.5,6,0"),
			train: rows([]float32{1.5, 2}, []float32{3.5, 4}, []float32{5.5, 6}), y: []int{0, 1,
				0}, says: "column 3 of 3"},
		{name: "last, by the flag", files: lines("0,1.5,2", "0,3.5,4", "1,5.5,6"), r: label("last"),
			classes: []string{"2", "4", "6"}},
		{name: "two that could be", files: lines("label,f,class", "0,1,2", "1,3,4"), refused: "both look like labels"},
		{name: "two that could be, one said", files: lines("label,f,class", "0,1,2", "1,3,4"), r: label("class"),
			classes: []string{"2", "4"}, train: rows([]float32{0, 1}, []float32{1, 3})},
		{name: "fractions", files: many(30, func(i int, v float64, y int) string {
			return fmt.Sprintf("%d,%d,%.1f", i%7,
				y, float64(y)/2)
		}), refused: "fractions"},
		{name: "two of text", files: lines("f,a,b", "1,x,u", "2,y,v"), refused: "--label"},
		{name: "a label that is missing", files: lines("f,label", "1,a", "2,", "3,b"), refused: "missing"},
		{name: "NA as a label", files: lines("f,label", "1,a", "2,NA", "3,b"), refused: "label-na"},
		{name: "NA as a class", files: lines("f,label", "1,a", "2,NA", "3,b"),
			r: open.Reading{Accept: []string{"label-na"}}, classes: []string{"NA", "a", "b"}},
		{name: "none as a class", files: lines("f,label", "1,a", "2,none", "3,b"), classes: []string{"a", "b", "none"}},
		{name: "a label column that is not there", files: lines("f,label", "1,a", "2,b"), r: label("nope"),
			refused: "one of: f, label"},
		{name: "labels 1 to 3 with a gap", files: lines("f,label", "1,1", "2,2", "3,5"),
			classes: []string{"1", "2", "5"}, notes: []string{"label-gap"}, says: "no sample has 3, 4"},
	})
}

// Old: such columns became features, and told the label.
func TestColumnsThatTellTheLabelAreNoFeatures(t *testing.T) {
	onehot := func(i int, v float64, y int) string {
		hot := [3]int{}
		hot[y] = 1
		return fmt.Sprintf("%.3f,%d,%d,%d", v, hot[0], hot[1], hot[2])
	}
	binary := func(i int, v float64, y int) string { return fmt.Sprintf("%.3f,%d,%d", v, y%2, 1-y%2) }
	numbered := func(i int, v float64, y int) string { return fmt.Sprintf("%d,%.3f,%c", i, v, 'a'+y) }
	y := classesOf(40)
	bits := func() (out []int) {
		for _, c := range y {
			out = append(out, 1-c%2)
		}
		return out
	}()
	walk(t, []fieldCase{
		{name: "one-hot columns at the end", files: many(40, onehot, "v,is_a,is_b,is_c"), refused: "--label 2,3,4"},
		{name: "one-hot columns as one label", files: many(40, onehot, "v,is_a,is_b,is_c"),
			r: open.Reading{Label: "2,3,4"}, classes: []string{"is_a", "is_b", "is_c"}, y: y, shape: data.Shape{C: 1,
				H: 1, W: 1}},
		{name: "by their names", files: many(40, onehot, "v,is_a,is_b,is_c"), r: open.Reading{Label: "is_a,is_b,is_c"},
			y: y},
		{name: "two columns that exclude each other", files: many(40, binary, "v,good,bad"), refused: "--label 2,3"},
		{name: "true and false that exclude each other",
			files: many(40, func(i int, v float64, y int) string { return fmt.Sprintf("%.3f,%t,%t", v, y > 0, y == 0) },
				"v,good,bad"), refused: "--label 2,3"},
		{name: "two columns, one said", files: many(40, binary, "v,good,bad"),
			r: open.Reading{Label: "bad", Drop: []string{"good"}}, y: bits},
		{name: "no one-hot columns", files: many(40, onehot, "v,is_a,is_b,is_c"), r: open.Reading{Label: "1,2"},
			refused: "no one-hot labels"},
		{name: "a text label and one-hot columns of it",
			files: many(40, func(i int, v float64, y int) string { return onehot(i, v, y) + fmt.Sprintf(",%c", 'a'+y) },
				"v,is_a,is_b,is_c,label"), refused: "tells the label"},
		{name: "the label once more as a number", files: many(40, func(i int, v float64,
			y int) string {
			return fmt.Sprintf("%.3f,%d,%c", v, 5*y, 'a'+y)
		}, "v,code,label"), refused: "--drop 2"},
		{name: "that kept", files: many(40, func(i int, v float64, y int) string {
			return fmt.Sprintf("%.3f,%d,%c", v,
				5*y, 'a'+y)
		}, "v,code,label"), r: open.Reading{Keep: []string{"code"}}, shape: data.Shape{C: 1, H: 1, W: 2}},
		{name: "row numbers from 0", files: many(40, numbered, "n,v,label"), shape: data.Shape{C: 1, H: 1, W: 1},
			notes: []string{"id-column"}, says: "--keep 1"},
		{name: "row numbers without a header", files: many(40, numbered), shape: data.Shape{C: 1, H: 1, W: 1},
			notes: []string{"id-column"}},
		{name: "row numbers kept", files: many(40, numbered, "n,v,label"), r: open.Reading{Keep: []string{"n"}},
			shape: data.Shape{C: 1, H: 1, W: 2}},
		{name: "ids out of order", files: many(40, func(i int, v float64,
			y int) string {
			return fmt.Sprintf("%d,%.3f,%c", 1000+i*7919%40, v,
				'a'+y)
		}, "Id,v,label"), shape: data.Shape{C: 1, H: 1, W: 1}, notes: []string{"id-column"}},
		{name: "ids of letters", files: many(40, func(i int, v float64,
			y int) string {
			return fmt.Sprintf("x-%d,%.3f,%c", i*7919%40, v,
				'a'+y)
		}, "uuid,v,label"), shape: data.Shape{C: 1, H: 1, W: 1}, notes: []string{"id-column"}},
		{name: "a constant feature", files: many(40, func(i int, v float64,
			y int) string {
			return fmt.Sprintf("3,%.3f,%c", v,
				'a'+y)
		}, "k,v,label"), notes: []string{"constant-features"}},
	})
}

// Old: a label column was parsed as numbers, and 007 and 7 were one class.
func TestLabelsThatLookLikeNumbersStayApart(t *testing.T) {
	labels := func(values ...string) map[string][]byte {
		out := []string{"v,w,label"}
		for i, y := range values {
			out = append(out, fmt.Sprintf("%d.5,%d,%s", i, 7-i, y))
		}
		return lines(out...)
	}
	walk(t, []fieldCase{
		{name: "zeros and powers of ten", files: labels("01", "1", "1e2", "100", "007", "7"),
			classes: []string{"01", "1", "007", "7", "100", "1e2"}, notes: []string{"labels-as-text"}},
		{name: "leading zeros alone", files: labels("00", "01", "02", "00"), classes: []string{"00", "01", "02"},
			y: []int{0, 1, 2, 0}},
		{name: "shortest forms", files: labels("3", "10", "2", "3"), classes: []string{"2", "3", "10"},
			y: []int{1, 2, 0, 1}},
		{name: "floats of whole numbers", files: labels("3.0", "10.0", "2.0", "3.0"), classes: []string{"2", "3", "10"},
			y: []int{1, 2, 0, 1}, notes: []string{"label-floats"}},
		{name: "floats and whole numbers", files: labels("3.0", "3", "2"), says: "labels-as-text"},
		{name: "versions", files: labels("1.10", "1.1", "1.2"), refused: "fractions"},
		{name: "versions, said", files: labels("1.10", "1.1", "1.2"), r: open.Reading{Label: "label"},
			y: []int{1, 0, 2}, classes: []string{"1.1", "1.10", "1.2"}},
		{name: "negative", files: labels("-1", "1", "-1"), classes: []string{"-1", "1"}, y: []int{0, 1, 0}},
		{name: "with a sign", files: labels("+1", "-1", "+1"), classes: []string{"-1", "+1"}, y: []int{1, 0, 1}},
		{name: "longer than a float holds", files: labels("9007199254740993", "9007199254740992", "1"),
			classes: []string{"1", "9007199254740992", "9007199254740993"}, y: []int{2, 1, 0}},
		{name: "hexadecimal", files: labels("0x10", "16", "0x10"), classes: []string{"16", "0x10"}, y: []int{1, 0, 1}},
		{name: "true and false", files: labels("True", "False", "True"), classes: []string{"False", "True"},
			y: []int{1, 0, 1}},
		{name: "infinite", files: labels("inf", "1", "2", "3"), classes: []string{"1", "2", "3", "inf"}},
	})
}
