package field

import (
	"fmt"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	ft "github.com/distillmesh/distillmesh/train/data/files/filestest"
	"github.com/distillmesh/distillmesh/train/data/open"
)

// Files in the forms in which well-known collections publish them.
func TestFormsOfWellKnownCollectionsAreRead(t *testing.T) {
	har := map[string][]byte{}
	for _, part := range []string{"train", "test"} {
		har[part+"/X_"+part+".txt"] = []byte(strings.Repeat("  2.8858451e-001 -2.0294171e-002  5\n  2.7841883e-001 "+
			"-1.6410568e-002  6\n", 6))
		har[part+"/y_"+part+".txt"] = []byte(strings.Repeat("1\n2\n", 6))
	}
	adult := "39, State-gov, 77516, <=50K\n50, Private, ?, >50K\n38, Private, 215646, >50K\n"
	cancer := "\"id\",\"diagnosis\",\"radius\",\n"
	glass := ""
	for i := range 20 {
		cancer += fmt.Sprintf("%d,%s,%d.5,\n", 84000+i*37%200, []string{"M", "B"}[i%2], i*7%11)
		glass += fmt.Sprintf("%d,1.5%d,13.%d,%d\n", i+1, i*7%11, i*5%13, []int{1, 2, 3, 5, 7}[i%5])
	}
	wine := "\"fixed acidity\";\"pH\";\"quality\"\n7.4;3.51;5\n7.8;3.2;6\n11.2;3.16;5\n"
	svhn := func(n int) []byte {
		v, dims := moved(scene(n, 3, 8, 9), [4]int{n, 3, 8, 9}, "HWCN")
		labels := make([]float64, n)
		for i := range labels {
			labels[i] = float64(1 + i%3)
		}
		return ft.Mat(ft.Matrix{Name: "X", Dims: dims, Values: v},
			ft.Matrix{Name: "y", Dims: []int{n, 1}, Values: labels})
	}
	positional := npz(map[string][]byte{"arr_0": ft.Array("<f4", []int{2, 2}, []float64{1, 2, 3, 4}),
		"arr_1": ft.Array("<i8", []int{2}, []float64{0, 1}), "arr_2": ft.Array("<f4", []int{1, 2},
			[]float64{5, 6}), "arr_3": ft.Array("<i8", []int{1}, []float64{0})})
	walk(t, []fieldCase{
		{name: "samples and labels in text files of their own", files: har, refused: "no data set found"},
		{name: "no header, blanks behind commas, words and question marks",
			files: map[string][]byte{"adult.data": []byte(adult)}, path: "adult.data", refused: "are text"},
		{name: "that, encoded", files: map[string][]byte{"adult.data": []byte(adult)}, path: "adult.data",
			r: open.Reading{Encode: true}, refused: "missing"},
		{name: "that, with rows left out", files: map[string][]byte{"adult.data": []byte(adult)}, path: "adult.data",
			r: open.Reading{Encode: true, Accept: []string{"missing-values"}}, classes: []string{"<=50K",
				">50K"}, says: "1 of 3 rows"},
		{name: "an id first, a comma behind the header", files: csv(cancer), classes: []string{"B", "M"},
			shape: data.Shape{C: 1, H: 1, W: 1}, notes: []string{"id-column"}},
		{name: "row numbers first, labels with a gap last", files: map[string][]byte{"glass.data": []byte(glass)},
			path: "glass.data", classes: []string{"1", "2", "3", "5", "7"}, shape: data.Shape{C: 1, H: 1,
				W: 2}, notes: []string{"id-column", "label-gap"}},
		{name: "semicolons and quoted names with blanks", files: csv(wine), classes: []string{"5", "6"},
			train: rows([]float32{7.4, 3.51}, []float32{7.8, 3.2}, []float32{11.2, 3.16})},
		{name: "MATLAB files of parts", files: map[string][]byte{"train_32x32.mat": svhn(5), "test_32x32.mat": svhn(4)},
			train: images(scene(5, 3, 8, 9), 5), test: images(scene(4, 3, 8, 9), 4), classes: []string{"1", "2", "3"}},
		{name: "arrays saved without names", files: positional, train: rows([]float32{1, 2}, []float32{3, 4}),
			says: "arr_2, arr_3"},
		{name: "HDF5", files: map[string][]byte{"d.h5": append([]byte("\x89HDF\r\n\x1a\n"), make([]byte, 100)...)},
			path: "d.h5", refused: "save the arrays as .npz"},
		{name: "a spreadsheet",
			files: map[string][]byte{"d.xlsx": ft.Zip(map[string][]byte{"[Content_Types].xml": []byte("<x/>"),
				"xl/workbook.xml": []byte("<x/>"), "xl/worksheets/sheet1.xml": []byte("<x/>"), "xl/media/image1.png": pic(1),
				"docProps/app.xml": []byte("<x/>")})}, path: "d.xlsx", refused: "spreadsheet"},
		{name: "a table in a zip archive of its name",
			files: map[string][]byte{"d.csv.zip": ft.Zip(map[string][]byte{"d.csv": []byte(wine)})}, path: "d.csv.zip",
			classes: []string{"5", "6"}},
		{name: "labels in a table beside pictures", files: map[string][]byte{"images/1.png": pic(1),
			"images/2.png": pic(2), "labels.csv": []byte("file,label\n1.png,a\n2.png,b\n")},
			refused: "every sample is of one class"},
	})
}
