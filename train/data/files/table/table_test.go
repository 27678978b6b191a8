package table

import (
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/filestest"
)

// at reads the table in a file.
func at(path string, opt Options) (*files.Part, error) {
	return File(files.Dir(filepath.Dir(path)), filepath.Base(path), opt, nil)
}

// tableOf reads a table from text.
func tableOf(t testing.TB, text string, opt Options) (*files.Part, error) {
	t.Helper()
	return at(filepath.Join(filestest.Folder(t, map[string][]byte{"t.csv": []byte(text)}), "t.csv"), opt)
}

// understood are tables, and what they hold; no values when they are refused.
var understood = map[string]struct {
	text   string
	opt    Options
	values []float64
	names  []string
	labels []int
}{
	"the last column holds the labels": {"1,2,0\n3,4,1\n", Options{}, []float64{1, 2, 3, 4}, []string{"0", "1"},
		[]int{0, 1}},
	"scikit-learn's first line": {"2,2,red,green\n1,2,1\n3,4,0\n", Options{}, []float64{1, 2, 3, 4},
		[]string{"green", "red"}, []int{0, 1}},
	"scikit-learn's, as wide as the rows": {"2,3,red,green\n1,2,3,1\n3,4,5,0\n", Options{}, []float64{1, 2, 3, 3, 4, 5},
		[]string{"green", "red"}, []int{0, 1}},
	"a header": {"a,b,kind\n1,2,x\n3,4,y\n", Options{}, []float64{1, 2, 3, 4},
		[]string{"x", "y"}, []int{0, 1}},
	"a header that names the labels": {"Label,a,b\n5,1,2\n4,3,4\n", Options{}, []float64{1, 2, 3, 4},
		[]string{"5", "4"}, []int{0, 1}},
	"a header of numbers": {"0,1,2,3,4\n5,6,0,0,0\n7,8,0,0,1\n", Options{},
		[]float64{5, 6, 0, 0, 7, 8, 0, 0}, []string{"0", "1"}, []int{0, 1}},
	"numbers and one word": {"0,1,target\n5,6,0\n7,8,1\n", Options{}, []float64{5, 6, 7, 8},
		[]string{"0", "1"}, []int{0, 1}},
	"labels of text in the first column": {"x,1,2\ny,3,4\n", Options{}, []float64{1, 2, 3, 4}, []string{"x", "y"},
		[]int{0, 1}},
	"a label column by number": {"0,1,2\n1,3,4\n", Options{Label: "1"}, []float64{1, 2, 3, 4},
		[]string{"0", "1"}, []int{0, 1}},
	"a label column by name": {"a,b,c\n1,7,2\n3,8,4\n", Options{Label: "B"}, []float64{1, 2, 3, 4},
		[]string{"7", "8"}, []int{0, 1}},
	"the first row is data by order": {"0,1,2,3,4\n5,6,0,0,0\n", Options{Header: "no"},
		[]float64{0, 1, 2, 3, 5, 6, 0, 0}, []string{"4", "0"}, []int{0, 1}},
	"columns left out": {"id,a,who,y\n7,1,ann,no\n8,2,bob,yes\n", Options{Drop: []string{"id", "3"}},
		[]float64{1, 2}, []string{"no", "yes"}, []int{0, 1}},
	"pandas' index is left out": {",a,y\n0,1,no\n1,2,yes\n", Options{}, []float64{1, 2},
		[]string{"no", "yes"}, []int{0, 1}},
	"semicolons, quotes, a byte mark": {"\ufeff\"a\";\"y\"\r\n\"1,5\";x\r\n", Options{}, []float64{1.5},
		[]string{"x"}, []int{0}},
	"decimal commas": {"a;b;y\n1;2,5;x\n3;4,25;z\n", Options{}, []float64{1, 2.5, 3, 4.25},
		[]string{"x", "z"}, []int{0, 1}},
	"decimal commas, thousands": {"1.234,5;2,5;x\n2,5;3.456.789,5;y\n", Options{},
		[]float64{1234.5, 2.5, 2.5, 3456789.5}, []string{"x", "y"}, []int{0, 1}},
	"thousands": {"a;y\n1,234,567;0\n1,234;1\n", Options{}, []float64{1234567, 1234},
		[]string{"0", "1"}, []int{0, 1}},
	"tabs and blank lines": {"a\ty\n\n1\tx\n\n2\tz\n", Options{}, []float64{1, 2}, []string{"x", "z"},
		[]int{0, 1}},
	"labels that look like numbers": {"1,1.0\n2,01\n3,1\n4,2e0\n", Options{}, []float64{1, 2, 3, 4},
		[]string{"1.0", "01", "1", "2e0"}, []int{0, 1, 2, 3}},
	"whole numbers written as floats": {"1,1.0\n2,0.0\n3,1.0\n", Options{}, []float64{1, 2, 3}, []string{"1", "0"},
		[]int{0, 1, 0}},
	"a first row whose label is y": {"1,2,y\n3,4,n\n5,6,y\n", Options{}, []float64{1, 2, 3, 4, 5, 6},
		[]string{"y", "n"}, []int{0, 1, 0}},
	"a first row whose label is Class": {"Class,2,1\nx,4,3\nClass,6,5\n", Options{}, []float64{2, 1, 4, 3, 6, 5},
		[]string{"Class", "x"}, []int{0, 1, 0}},
	"a first row whose label is kind": {"1,1,kind\n3,4,rude\n5,6,kind\n", Options{}, []float64{1, 1, 3, 4, 5, 6},
		[]string{"kind", "rude"}, []int{0, 1, 0}},
	"a first row of equal numbers": {"1,1,y\n3,4,n\n", Options{}, []float64{1, 1, 3, 4}, []string{"y", "n"},
		[]int{0, 1}},
	"years and a word over words": {"1990,1991,kind\n1,2,x\n3,4,y\n", Options{}, []float64{1, 2, 3, 4},
		[]string{"x", "y"}, []int{0, 1}},
	"years and label over words": {"1990,1991,label\n1,2,x\n3,4,y\n", Options{}, []float64{1, 2, 3, 4},
		[]string{"x", "y"}, []int{0, 1}},
	"a name that the user knows": {"1990,1991,y\n1,2,n\n3,4,y\n", Options{Label: "y"}, []float64{1, 2, 3, 4},
		[]string{"n", "y"}, []int{0, 1}},
	"y is a coordinate beside x": {"x,y,class\n1,2,a\n3,4,b\n", Options{}, []float64{1, 2, 3, 4},
		[]string{"a", "b"}, []int{0, 1}},
	"two label names, one asked for": {"label,a,class\n1,2,4\n3,4,5\n", Options{Label: "class"},
		[]float64{1, 2, 3, 4}, []string{"4", "5"}, []int{0, 1}},
	"two label names, one left out": {"label,a,class\n1,2,4\n3,4,5\n", Options{Drop: []string{"label"}},
		[]float64{2, 4}, []string{"4", "5"}, []int{0, 1}},
	"none and - are classes": {"1,none\n2,-\n", Options{}, []float64{1, 2}, []string{"none", "-"},
		[]int{0, 1}},
	"labels in UTF-8": {"1,caf\u00e9\n2,th\u00e9\n", Options{}, []float64{1, 2},
		[]string{"caf\u00e9", "th\u00e9"}, []int{0, 1}},
	"one row": {"1,x\n", Options{}, []float64{1}, []string{"x"}, []int{0}},
}

func TestTablesAreUnderstood(t *testing.T) {
	for name, c := range understood {
		p, err := tableOf(t, c.text, c.opt)
		if c.values == nil {
			if !errors.Is(err, files.ErrValue) && !errors.Is(err, files.ErrFormat) {
				t.Errorf("%s: %+v, %v", name, p, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !slices.Equal(filestest.Values(p), c.values) || !slices.Equal(p.Names, c.names) || !slices.Equal(p.Labels,
			c.labels) {
			t.Errorf("%s: values %v, names %q, labels %v", name, filestest.Values(p), p.Names, p.Labels)
		}
	}
}

func TestBadTablesNameLineColumnAndHint(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		opt  Options
		want error
		says string
	}{
		"empty":        {"", Options{}, files.ErrTruncated, "no line"},
		"header alone": {"a,b\n", Options{Header: "yes"}, files.ErrTruncated, "no row"},
		"names alone":  {"a,b,y\n", Options{}, files.ErrTruncated, "no row after the header"},
		"two columns of labels": {"label,a,class\n1,2,1\n3,4,3\n", Options{}, files.ErrFormat,
			`columns 1 and 3, "label" and "class", both look like labels`},
		"a name twice": {"a,x,a,kind\n1,2,3,p\n1,2,3,q\n", Options{}, files.ErrFormat,
			`line 1: not in the expected format: columns 1 and 3 are both called "a"`},
		"labels in Latin-1": {"1,2,a\n1,2,caf\xe9\n", Options{}, files.ErrLabel,
			`line 2, column 3: is no label: not in UTF-8: "caf\xe9"`},
		"classes in Latin-1": {"2,1,caf\xe9,th\xe9\n1,0\n2,1\n", Options{}, files.ErrLabel,
			"line 2, column 2: is no label: not in UTF-8"},
		"a label that is NA": {"1,2,a\n1,2,NA\n", Options{}, files.ErrLabel,
			`line 2, column 3: is no label: it is missing ("NA")`},
		"not a number": {"a,b,y\n1,NaN,x\n", Options{}, files.ErrValue,
			`line 2, column 2: is no value to learn from: "NaN" is no finite number (b)`},
		"infinite": {"1,2,0\n1,-inf,1\n", Options{}, files.ErrValue, "line 2, column 2"},
		"beyond float32": {"1,2,0\n1e99,2,1\n", Options{}, files.ErrValue,
			`line 2, column 1: is no value to learn from: "1e99" is too large, the most is 3.4e38`},
		"beyond float64": {"a,b,y\n1,-1e999,x\n", Options{}, files.ErrValue,
			`line 2, column 2: is no value to learn from: "-1e999" is too large`},
		"missing": {"1,2,0\n1,?,1\n", Options{}, files.ErrValue,
			"line 2, column 2: is no value to learn from: it is missing"},
		"missing in the first": {"?,1,2,0\n1,1,2,0\n", Options{}, files.ErrValue, "line 1, column 1"},
		"text among features":  {"1,2,0\n1,two,1\n", Options{}, files.ErrValue, `"two"`},
		"two columns of text":  {"a,b,n\nx,q,1\n", Options{Header: "yes"}, files.ErrFormat, "columns 1 and 2 are text"},
		"a short row": {"1,2,0\n1,2\n", Options{}, files.ErrFormat,
			"line 2: not in the expected format: 2 fields"},
		"fractions for labels": {"1,2,0\n1,2,0.5\n", Options{}, files.ErrLabel, "column 3 (no name) holds fractions"},
		"a missing label":      {"1,2,0\n1,2,\n", Options{}, files.ErrLabel, "line 2, column 3"},
		"a label that is left out": {"a,b,y\n1,2,x\n", Options{Label: "y", Drop: []string{"3"}}, nil,
			"is the label, and is to be left out"},
		"no such column": {"a,b\n1,2\n", Options{Label: "z"}, files.ErrFormat, `no column "z"`},
		"no such number": {"1,2\n", Options{Label: "3"}, files.ErrFormat, `no column "3"`},
		"labels alone":   {"x\ny\n", Options{}, files.ErrFormat, "no column of features"},
		"rows that did not come": {"3,1,x,y\n1,0\n2,1\n", Options{}, files.ErrTruncated,
			"2 rows, the first line announces 3"},
		"a class beyond the list": {"2,1,x,y\n1,0\n2,2\n", Options{}, files.ErrLabel, "line 3, column 2"},
		"a quote left open":       {"1,2,0\n1,\"2,1\n", Options{}, files.ErrFormat, "line"},
		"not text":                {"PK\x03\x04\x00\x00", Options{}, files.ErrFormat, "byte 4"},
		"an unknown header word":  {"1,2\n", Options{Header: "maybe"}, nil, "maybe"},
	} {
		path := filepath.Join(filestest.Folder(t, map[string][]byte{"t.csv.gz": filestest.Gzip([]byte(c.text))}), "t.csv.gz")
		_, err := at(path, c.opt)
		var fe *files.Error
		if !errors.As(err, &fe) || fe.Hint == "" || fe.Path != path || c.want != nil && !errors.Is(err,
			c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v (%+v), want %v with %q", name, err, fe, c.want, c.says)
		}
	}
}

func TestErrorsOfTheFirstLinesGiveAHintThatFits(t *testing.T) {
	for text, hint := range map[string]string{
		"label,a,class\n1,2,1\n3,4,3\n": "--label", "a,x,a,kind\n1,2,3,p\n": "name every column once",
		"1,caf\xe9\n2,b\n":   "save the table as UTF-8",
		"a;b;y\n1;2,500;x\n": "--decimal ,", "1,1e99,0\n": "scale the column, or leave it out with --drop 2",
		"1,a\n2,NA\n": "write its label", "a,b,y\n": "--no-header",
	} {
		_, err := tableOf(t, text, Options{})
		var fe *files.Error
		if !errors.As(err, &fe) || !strings.Contains(fe.Hint, hint) {
			t.Errorf("%q: %v, hint %+v, want %q", text, err, fe, hint)
		}
	}
}

func TestAFirstLineTakenForNamesByOneWordIsTold(t *testing.T) {
	for text, told := range map[string]bool{"1990,1991,kind\n1,2,x\n3,4,y\n": true, "0,1,target\n5,6,0\n7,8,1\n": false,
		"a,b,kind\n1,2,x\n3,4,y\n": false} {
		a := &files.Account{}
		path := filepath.Join(filestest.Folder(t, map[string][]byte{"t.csv": []byte(text)}), "t.csv")
		_, err := File(files.Dir(filepath.Dir(path)), "t.csv", Options{}, a)
		said := slices.ContainsFunc(a.Notes, func(n files.Note) bool {
			return n.Code == "header" &&
				strings.Contains(n.Text, "--header no")
		})
		if err != nil || said != told {
			t.Errorf("%q: %+v, %v", text, a.Notes, err)
		}
	}
}

func TestDamagedGzipTablesSayWhere(t *testing.T) {
	var text strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&text, "%d,%d,%d\n", i*i, 7*i, i%2)
	}
	whole := filestest.Gzip([]byte(text.String()))
	checksum := slices.Clone(whole)
	checksum[len(checksum)-5] ^= 1
	for name, c := range map[string]struct {
		content []byte
		want    error
		least   int64
		most    int64
	}{
		"cut in the middle": {whole[:len(whole)/2], files.ErrTruncated, 1000, int64(text.Len()) - 1000},
		"cut at the end":    {whole[:len(whole)-8], files.ErrTruncated, int64(text.Len()), int64(text.Len())},
		"a wrong checksum":  {checksum, gzip.ErrChecksum, int64(text.Len()), int64(text.Len())},
		"bytes after it":    {append(slices.Clone(whole), 7), files.ErrTrailing, int64(text.Len()), int64(text.Len())},
		"cut in its header": {whole[:5], files.ErrTruncated, 0, 0},
		"more than the peek": {append(filestest.Gzip([]byte(strings.Repeat("1,2,3\n", 1<<15))), 7), files.ErrTrailing,
			6 << 15, 6 << 15},
	} {
		_, err := at(filepath.Join(filestest.Folder(t, map[string][]byte{"t.csv.gz": c.content}), "t.csv.gz"), Options{})
		var fe *files.Error
		if !errors.Is(err, c.want) || !errors.As(err, &fe) || fe.Offset < c.least || fe.Offset > c.most || fe.Line != 0 {
			t.Errorf("%s: %v, want %v at byte %d to %d", name, err, c.want, c.least, c.most)
		}
	}
}

func TestATestTableHasTheColumnsOfTheTrainingTable(t *testing.T) {
	const named, bare = "id,a,b,kind\n1,10,20,x\n2,11,21,y\n", "10,20,x\n11,21,y\n"
	for name, c := range map[string]struct {
		train, test string
		drop        []string
		values      []float64 // of the test table, nil when refused
		says        string
	}{
		"the same order":         {named, "id,a,b,kind\n3,12,22,y\n", nil, []float64{3, 12, 22}, ""},
		"another order":          {named, "kind,b,id,a\ny,22,3,12\nx,23,4,13\n", nil, []float64{3, 12, 22, 4, 13, 23}, ""},
		"one left out":           {named, "b,id,kind,a\n22,3,y,12\n", []string{"id"}, []float64{12, 22}, ""},
		"one left out by number": {named, "b,id,kind,a\n22,3,y,12\n", []string{"1"}, []float64{12, 22}, ""},
		"one more":               {named, "b,id,more,kind,a\n22,3,99,y,12\n", nil, []float64{3, 12, 22}, ""},
		"names that are numbers": {"1990,1991,sort\n1,2,x\n3,4,y\n", "sort,1991,1990\nx,2,1\n", nil, nil,
			"line 1, column 1"},
		"numbers and a usual word": {"1990,1991,kind\n1,2,x\n3,4,y\n", "kind,1991,1990\nx,2,1\n", nil, []float64{1, 2}, ""},
		"no labels": {named, "id,a,b\n3,12,22\n", nil, nil,
			"the column of the labels is not there, column 4 (kind)"},
		"a feature less":            {named, "id,a,kind\n3,12,x\n", nil, nil, "there is no column 3 (b)"},
		"no names in either":        {bare, "12,22,y\n", nil, []float64{12, 22}, ""},
		"no names here":             {named, "3,12,22,y\n4,13,23,x\n", nil, []float64{3, 12, 22, 4, 13, 23}, ""},
		"no names and no labels":    {bare, "12,22\n13,23\n", nil, nil, "the column of the labels is not there, column 3"},
		"no names and columns more": {bare, "12,22,1,y\n", nil, nil, "4 fields, the training table has 3"},
	} {
		train, err := tableOf(t, c.train, Options{Drop: c.drop})
		if err != nil {
			t.Fatal(err)
		}
		p, err := tableOf(t, c.test, Options{Drop: c.drop, Like: train})
		if c.values == nil {
			var fe *files.Error
			if !errors.As(err, &fe) || !strings.Contains(err.Error(), c.says) || fe.Hint == "" {
				t.Errorf("%s: %+v, %v", name, p, err)
			}
			continue
		}
		if err != nil || !slices.Equal(filestest.Values(p), c.values) || !slices.Contains([]string{"x", "y"},
			p.Names[p.Labels[0]]) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

func TestARowWithoutEndIsRefused(t *testing.T) {
	for name, text := range map[string]string{"in quotes": "\"1,2", "of fields": "1,"} {
		_, err := tableOf(t, "1,2\n"+strings.Repeat(text, 2*maxRecord/len(text)), Options{})
		if !errors.Is(err, files.ErrTooLarge) && !errors.Is(err, files.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var labels strings.Builder
	for i := range files.MaxClasses + 1 {
		fmt.Fprintf(&labels, "1,x%d\n1,x%d\n1,x%d\n1,x%d\n1,x%d\n", i, i, i, i, i)
	}
	if _, err := tableOf(t, labels.String(), Options{Label: "2"}); !errors.Is(err, files.ErrLabel) {
		t.Errorf("more labels than a task may have: %v", err)
	}
}

func TestRealTablesAreRead(t *testing.T) {
	dir := os.Getenv("DISTILLMESH_DATA")
	if dir == "" {
		t.Skip("needs real data: set DISTILLMESH_DATA")
	}
	for path, want := range map[string][3]int{
		"tabular/iris.csv": {150, 4, 3}, "tabular/wine_data.csv": {178, 13, 3}, "tabular/breast_cancer.csv": {569, 30,
			2}, "digits/digits.csv.gz": {1797, 64, 10},
	} {
		p, err := at(filepath.Join(dir, filepath.FromSlash(path)), Options{})
		if err != nil {
			t.Error(err)
			continue
		}
		if got := [3]int{len(p.Labels), p.Dims[0], len(p.Names)}; got != want {
			t.Errorf("%s: %v rows, features, classes, want %v", path, got, want)
		}
	}
}

func FuzzCSV(f *testing.F) {
	f.Add("1,2,0\n3,4,1\n", "", "")
	f.Add("2,2,red,green\n1,2,1\n3,4,0\n", "", "")
	f.Add("a;b;y\n1;2;x\n", "b", "a")
	f.Add(",a,y\n0,1,no\n1,2,yes\n", "last", "2")
	f.Add("\"a\n\",2\n", "1", "")
	f.Fuzz(func(t *testing.T, text, label, drop string) {
		opt := Options{Label: label}
		if drop != "" {
			opt.Drop = []string{drop}
		}
		p, err := tableOf(t, text, opt)
		if err != nil {
			var fe *files.Error
			if !errors.As(err, &fe) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		filestest.CheckPart(t, p)
	})
}
