package files

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func tableOf(text string, opt TableOptions) (*Part, error) {
	return decodeTable(strings.NewReader(text), opt)
}

func TestTablesAreUnderstood(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		opt    TableOptions
		values []float32
		names  []string
		labels []int
	}{
		"the last column holds the labels":    {"1,2,0\n3,4,1\n", TableOptions{}, []float32{1, 2, 3, 4}, []string{"0", "1"}, []int{0, 1}},
		"scikit-learn's first line":           {"2,2,red,green\n1,2,1\n3,4,0\n", TableOptions{}, []float32{1, 2, 3, 4}, []string{"green", "red"}, []int{0, 1}},
		"scikit-learn's, as wide as the rows": {"2,3,red,green\n1,2,3,1\n3,4,5,0\n", TableOptions{}, []float32{1, 2, 3, 3, 4, 5}, []string{"green", "red"}, []int{0, 1}},
		"a header":                            {"a,b,kind\n1,2,x\n3,4,y\n", TableOptions{}, []float32{1, 2, 3, 4}, []string{"x", "y"}, []int{0, 1}},
		"a header that names the labels":      {"Label,a,b\n5,1,2\n4,3,4\n", TableOptions{}, []float32{1, 2, 3, 4}, []string{"5", "4"}, []int{0, 1}},
		"a header of numbers":                 {"0,1,2,3,4\n5,6,0,0,0\n7,8,0,0,1\n", TableOptions{}, []float32{5, 6, 0, 0, 7, 8, 0, 0}, []string{"0", "1"}, []int{0, 1}},
		"numbers and one word":                {"0,1,target\n5,6,0\n7,8,1\n", TableOptions{}, []float32{5, 6, 7, 8}, []string{"0", "1"}, []int{0, 1}},
		"labels of text in the first column":  {"x,1,2\ny,3,4\n", TableOptions{}, []float32{1, 2, 3, 4}, []string{"x", "y"}, []int{0, 1}},
		"a label column by number":            {"0,1,2\n1,3,4\n", TableOptions{Label: "1"}, []float32{1, 2, 3, 4}, []string{"0", "1"}, []int{0, 1}},
		"a label column by name":              {"a,b,c\n1,7,2\n3,8,4\n", TableOptions{Label: "B"}, []float32{1, 2, 3, 4}, []string{"7", "8"}, []int{0, 1}},
		"the first row is data by order":      {"0,1,2,3,4\n5,6,0,0,0\n", TableOptions{Header: "no"}, []float32{0, 1, 2, 3, 5, 6, 0, 0}, []string{"4", "0"}, []int{0, 1}},
		"columns left out":                    {"id,a,who,y\n7,1,ann,no\n8,2,bob,yes\n", TableOptions{Drop: []string{"id", "3"}}, []float32{1, 2}, []string{"no", "yes"}, []int{0, 1}},
		"pandas' index is left out":           {",a,y\n0,1,no\n1,2,yes\n", TableOptions{}, []float32{1, 2}, []string{"no", "yes"}, []int{0, 1}},
		"semicolons, quotes, a byte mark":     {"\ufeff\"a\";\"y\"\r\n\"1,5\";x\r\n", TableOptions{Label: "1"}, nil, nil, nil},
		"tabs and blank lines":                {"a\ty\n\n1\tx\n\n2\tz\n", TableOptions{}, []float32{1, 2}, []string{"x", "z"}, []int{0, 1}},
		"whole numbers in any form":           {"1,1.0\n2,01\n3,1\n4,2e0\n", TableOptions{}, []float32{1, 2, 3, 4}, []string{"1", "2"}, []int{0, 0, 0, 1}},
		"one row":                             {"1,x\n", TableOptions{}, []float32{1}, []string{"x"}, []int{0}},
	} {
		p, err := tableOf(c.text, c.opt)
		if c.values == nil {
			if !errors.Is(err, ErrValue) && !errors.Is(err, ErrFormat) {
				t.Errorf("%s: %+v, %v", name, p, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !slices.Equal(p.Values, c.values) || !slices.Equal(p.Names, c.names) || !slices.Equal(p.Labels, c.labels) || p.How == "" {
			t.Errorf("%s: values %v, names %q, labels %v, how %q", name, p.Values, p.Names, p.Labels, p.How)
		}
	}
}

func TestBadTablesNameLineColumnAndHint(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		opt  TableOptions
		want error
		says string
	}{
		"empty":                   {"", TableOptions{}, ErrTruncated, "no line"},
		"header alone":            {"a,b\n", TableOptions{Header: "yes"}, ErrTruncated, "no row"},
		"not a number":            {"a,b,y\n1,NaN,x\n", TableOptions{}, ErrValue, `line 2, column 2: is no value to learn from: "NaN" is no finite number (b)`},
		"infinite":                {"1,2,0\n1,-inf,1\n", TableOptions{}, ErrValue, "line 2, column 2"},
		"beyond float32":          {"1,2,0\n1e99,2,1\n", TableOptions{}, ErrValue, "line 2, column 1"},
		"missing":                 {"1,2,0\n1,?,1\n", TableOptions{}, ErrValue, "line 2, column 2: is no value to learn from: it is missing"},
		"missing in the first":    {"?,1,2,0\n1,1,2,0\n", TableOptions{}, ErrValue, "line 1, column 1"},
		"text among features":     {"1,2,0\n1,two,1\n", TableOptions{}, ErrValue, `"two"`},
		"two columns of text":     {"a,b,n\nx,y,1\n", TableOptions{Header: "yes"}, ErrFormat, "columns 1 and 2 are text"},
		"a short row":             {"1,2,0\n1,2\n", TableOptions{}, ErrFormat, "line 2: not in the expected format: 2 fields"},
		"fractions for labels":    {"1,2,0\n1,2,0.5\n", TableOptions{}, ErrLabel, "line 2, column 3"},
		"a missing label":         {"1,2,0\n1,2,\n", TableOptions{}, ErrLabel, "line 2, column 3"},
		"no such column":          {"a,b\n1,2\n", TableOptions{Label: "z"}, ErrFormat, `no column "z"`},
		"no such number":          {"1,2\n", TableOptions{Label: "3"}, ErrFormat, `no column "3"`},
		"labels alone":            {"x\ny\n", TableOptions{}, ErrFormat, "no column of features"},
		"rows that did not come":  {"3,1,x,y\n1,0\n2,1\n", TableOptions{}, ErrTruncated, "2 rows, the first line announces 3"},
		"a class beyond the list": {"2,1,x,y\n1,0\n2,2\n", TableOptions{}, ErrLabel, "line 3, column 2"},
		"a quote left open":       {"1,2,0\n1,\"2,1\n", TableOptions{}, ErrFormat, "line"},
		"not text":                {"PK\x03\x04\x00\x00", TableOptions{}, ErrFormat, "byte 4"},
		"an unknown header word":  {"1,2\n", TableOptions{Header: "maybe"}, nil, "maybe"},
	} {
		path := filepath.Join(folder(t, map[string][]byte{"t.csv.gz": gz([]byte(c.text))}), "t.csv.gz")
		_, err := Table(path, c.opt)
		var fe *Error
		if !errors.As(err, &fe) || fe.Hint == "" || fe.Path != path || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v (%+v), want %v with %q", name, err, fe, c.want, c.says)
		}
	}
}

// repeat reads the same bytes for ever.
type repeat struct {
	text []byte
	at   int
}

func (r *repeat) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = r.text[r.at%len(r.text)]
		r.at++
	}
	return len(p), nil
}

func TestARowWithoutEndIsRefused(t *testing.T) {
	for name, text := range map[string]string{"in quotes": "\"1,2", "of fields": "1,"} {
		_, err := decodeTable(io.MultiReader(strings.NewReader("1,2\n"), &repeat{text: []byte(text)}), TableOptions{})
		if !errors.Is(err, ErrTooLarge) && !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var labels bytes.Buffer
	for i := range maxClasses + 1 {
		labels.WriteString("1," + strings.Repeat("x", i/1000+1) + string(rune('a'+i%26)) + strings.Repeat("y", i%1000) + "\n")
	}
	if _, err := decodeTable(&labels, TableOptions{}); !errors.Is(err, ErrLabel) {
		t.Errorf("more labels than a task may have: %v", err)
	}
}

func TestBoundedFailsAfterItsBytes(t *testing.T) {
	for left, want := range map[int64]error{3: nil, 2: ErrTooLarge, 0: ErrTooLarge} {
		b, err := io.ReadAll(&bounded{r: strings.NewReader("abc"), left: left})
		if !errors.Is(err, want) || int64(len(b)) != left {
			t.Errorf("%d bytes left: read %q, %v", left, b, err)
		}
	}
}

func TestRealTablesAreRead(t *testing.T) {
	dir := os.Getenv("DISTILLMESH_DATA")
	if dir == "" {
		t.Skip("needs real data: set DISTILLMESH_DATA")
	}
	for path, want := range map[string][3]int{
		"tabular/iris.csv": {150, 4, 3}, "tabular/wine_data.csv": {178, 13, 3}, "tabular/breast_cancer.csv": {569, 30, 2}, "digits/digits.csv.gz": {1797, 64, 10},
	} {
		p, err := Table(filepath.Join(dir, filepath.FromSlash(path)), TableOptions{})
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
		opt := TableOptions{Label: label}
		if drop != "" {
			opt.Drop = []string{drop}
		}
		p, err := tableOf(text, opt)
		if err != nil {
			var fe *Error
			if !errors.As(err, &fe) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		checkPart(t, p)
	})
}

// checkPart is what every reader promises of what it accepts.
func checkPart(t *testing.T, p *Part) {
	t.Helper()
	if n := len(p.Labels); n == 0 || len(p.Values)+len(p.Bytes) != n*p.Size() {
		t.Fatalf("%d values and %d bytes for %d samples of %v", len(p.Values), len(p.Bytes), n, p.Dims)
	}
	for i, y := range p.Labels {
		if y < 0 || y >= len(p.Names) {
			t.Fatalf("label %d is %d of %d", i, y, len(p.Names))
		}
		p.Where(i)
	}
	for _, v := range p.Values {
		if v-v != 0 {
			t.Fatalf("value %v accepted", v)
		}
	}
}
