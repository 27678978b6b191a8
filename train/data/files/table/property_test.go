package table

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/filestest"
)

// content is what a table says, in whatever dialect it is written.
type content struct {
	features []string // the numbers of all rows, with a decimal point
	width    int
	labels   []string
	names    []string // of the columns of features
}

// randomContent is a table of which no column looks like a row number or a label.
func randomContent(r *rand.Rand) *content {
	c := &content{width: 2 + r.IntN(4)}
	words := [][]string{{"cat", "dog", "eel"}, {"0", "1", "2"}, {"ärger", "naïve", "x y"},
		{"01", "1", "1.0"}}[r.IntN(4)]
	kinds := make([]int, c.width)
	for k := range kinds {
		kinds[k] = r.IntN(5)
		c.names = append(c.names, fmt.Sprintf("%c%d", 'p'+k, r.IntN(100)))
	}
	for i := range 12 + r.IntN(30) {
		for k := range c.width {
			v := (r.Float64() - .4) * 100
			c.features = append(c.features, []string{
				strconv.Itoa(int(v) * 3), strconv.FormatFloat(v, 'f', 2, 64), strconv.FormatFloat(v, 'g', -1,
					64), strconv.FormatFloat(v*1e9, 'e', 6, 64), strconv.Itoa(r.IntN(9)),
			}[kinds[k]])
		}
		label := words[r.IntN(len(words))]
		if i < len(words) {
			label = words[i]
		}
		c.labels = append(c.labels, label)
	}
	return c
}

// style is one dialect.
type style struct {
	separator       string
	quote           int // 0 where needed, 1 always
	end             string
	encoding        int // of encodings
	header          bool
	comments        int // lines
	commentedHeader bool
	index           int // 0 none, 1 of pandas, 2 of R
	comma           bool
	at              int // column of the label among the features
	trailing, tail  bool
	sep             bool
}

func randomStyle(r *rand.Rand, c *content) style {
	s := style{separator: []string{",", ";", "\t", "|", " "}[r.IntN(5)], quote: r.IntN(2),
		end: []string{"\n", "\r\n", "\r"}[r.IntN(3)], encoding: r.IntN(6), header: r.IntN(3) > 0, at: r.IntN(c.width +
			1)}
	s.comments, s.trailing, s.tail = r.IntN(3), r.IntN(5) == 0 && s.separator != " ", r.IntN(4) == 0
	s.comma = r.IntN(4) == 0
	if s.header && s.separator != " " {
		s.index = r.IntN(3)
	}
	s.commentedHeader = s.header && s.index == 0 && !s.trailing && r.IntN(3) == 0
	s.sep = len(s.separator) == 1 && s.separator != " " && s.comments == 0 && !s.commentedHeader && r.IntN(5) == 0
	return s
}

func (s style) field(text string) string {
	if s.quote == 1 || strings.Contains(text, s.separator) || strings.Contains(text, `"`) {
		return `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
	}
	return text
}

// write writes the content.
func (s style) write(c *content) []byte {
	var b strings.Builder
	line := func(fields ...string) {
		for i := range fields {
			fields[i] = s.field(fields[i])
		}
		b.WriteString(strings.Join(fields, s.separator))
		if s.trailing {
			b.WriteString(s.separator)
		}
		b.WriteString(s.end)
	}
	if s.sep {
		b.WriteString("sep=" + s.separator + s.end)
	}
	for i := range s.comments {
		fmt.Fprintf(&b, "# comment %d%s", i, s.end)
	}
	names := slices.Insert(slices.Clone(c.names), s.at, "label")
	switch {
	case s.commentedHeader:
		b.WriteString("# ")
		line(names...)
	case s.header && s.index == 1:
		line(slices.Insert(names, 0, "")...)
	case s.header:
		line(names...)
	}
	for i, label := range c.labels {
		row := slices.Clone(c.features[i*c.width : (i+1)*c.width])
		if s.comma {
			for k := range row {
				row[k] = strings.Replace(row[k], ".", ",", 1)
			}
		}
		row = slices.Insert(row, s.at, label)
		if s.index > 0 {
			row = slices.Insert(row, 0, strconv.Itoa(i))
		}
		line(row...)
	}
	if s.tail {
		b.WriteString(s.end + s.end)
	}
	return encoded(b.String(), s.encoding)
}

// encoded is text in UTF-8 or UTF-16, with a mark or without.
func encoded(text string, how int) (out []byte) {
	switch how {
	case 0, 1:
		return []byte(text)
	case 2:
		return []byte("\ufeff" + text)
	}
	units := utf16.Encode([]rune(text))
	if how < 5 {
		units = slices.Insert(units, 0, 0xfeff)
	}
	for _, u := range units {
		if how == 3 {
			out = append(out, byte(u>>8), byte(u))
		} else {
			out = append(out, byte(u), byte(u>>8))
		}
	}
	return out
}

// TestATableIsTheSameInEveryDialect writes random tables in random dialects and
// compares every value and label.
func TestATableIsTheSameInEveryDialect(t *testing.T) {
	for seed := range uint64(600) {
		r := rand.New(rand.NewPCG(seed, 1))
		c := randomContent(r)
		s := randomStyle(r, c)
		opt := Options{}
		if !s.header || c.labels[0] == "01" {
			opt.Label = strconv.Itoa(s.at + 1 + min(s.index, 1))
		}
		if s.separator == " " && s.quote == 0 && slices.Contains(c.labels, "x y") {
			continue // a label of two words
		}
		if s.comma {
			opt.Decimal = ","
		}
		text := s.write(c)
		dir := filestest.Folder(t, map[string][]byte{"d.csv": text})
		p, err := at(dir+"/d.csv", opt)
		if err != nil {
			t.Fatalf("seed %d, %+v: %v\n%s", seed, s, err, text)
		}
		c.compare(t, fmt.Sprintf("seed %d, %+v", seed, s), p, text)
	}
}

// compare compares a part with the content.
func (c *content) compare(t *testing.T, what string, p *files.Part, text []byte) {
	t.Helper()
	if p.Len() != len(c.labels) || p.Size() != c.width {
		t.Fatalf("%s: %d samples of %d, want %d of %d\n%s", what, p.Len(), p.Size(), len(c.labels), c.width, text)
	}
	for i, want := range c.features {
		v, err := strconv.ParseFloat(want, 64)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.At(i); got != v {
			t.Fatalf("%s: value %d is %v, want %s\n%s", what, i, got, want, text)
		}
	}
	for i, want := range c.labels {
		if got := p.Names[p.Labels[i]]; got != want {
			t.Fatalf("%s: label %d is %q, want %q\n%s", what, i, got, want, text)
		}
	}
}

// TestWhatATableLosesOrGainsIsNeverSilent changes the structure of a table under
// the features of a task: the result is the same, or an error, or it is noted.
func TestWhatATableLosesOrGainsIsNeverSilent(t *testing.T) {
	outcomes := map[string]int{}
	for seed := range uint64(600) {
		r := rand.New(rand.NewPCG(seed, 2))
		c := randomContent(r)
		if c.labels[0] == "01" {
			continue
		}
		var want []files.Feature
		for _, name := range c.names {
			want = append(want, files.Feature{Name: name})
		}
		table := c.table(r.IntN(c.width + 1))
		change, same := mutate(r, table, c)
		var text strings.Builder
		for _, row := range table {
			text.WriteString(strings.Join(row, ",") + "\n")
		}
		dir := filestest.Folder(t, map[string][]byte{"d.csv": []byte(text.String())})
		a := &files.Account{}
		p, err := File(files.Dir(dir), "d.csv", Options{Want: want}, a)
		noted := slices.ContainsFunc(a.Notes, func(n files.Note) bool {
			return n.Level != files.Seen && n.Code != "label-column" // every table has that one
		})
		switch {
		case err != nil:
			outcomes[change+": refused"]++
		case same(p):
			outcomes[change+": the same"]++
		case noted:
			outcomes[change+": noted"]++
		default:
			t.Fatalf("seed %d: %s is silent\n%s", seed, change, text.String())
		}
	}
	for _, want := range []string{"columns swapped: the same", "column dropped: refused", "column renamed: refused",
		"column added: refused", "name twice: refused", "names swapped: the same", "header dropped: noted"} {
		if outcomes[want] == 0 {
			t.Errorf("never %s: %v", want, outcomes)
		}
	}
}

// table is the content with a header, the labels in a column.
func (c *content) table(at int) (out [][]string) {
	out = append(out, slices.Insert(slices.Clone(c.names), at, "label"))
	for i, label := range c.labels {
		out = append(out, slices.Insert(slices.Clone(c.features[i*c.width:(i+1)*c.width]), at, label))
	}
	return out
}

// mutate changes the structure of a table in place, and returns what it did and
// whether a part is the same as without the change.
func mutate(r *rand.Rand, table [][]string, c *content) (change string, same func(*files.Part) bool) {
	same = func(p *files.Part) bool { return c.equal(p, c.features) }
	n := len(table[0])
	i, j := r.IntN(n), r.IntN(n)
	feature := func() int {
		for {
			if k := r.IntN(n); table[0][k] != "label" {
				return k
			}
		}
	}
	switch r.IntN(7) {
	case 0:
		for _, row := range table {
			row[i], row[j] = row[j], row[i]
		}
		return "columns swapped", same
	case 1:
		k := feature()
		for y := range table {
			table[y] = slices.Delete(table[y], k, k+1)
		}
		return "column dropped", same
	case 2:
		table[0][feature()] = "another"
		return "column renamed", same
	case 3:
		for y := range table {
			table[y] = append(table[y], strconv.Itoa(y*y%7))
		}
		table[0][n] = "another"
		return "column added", same
	case 4:
		a, b := feature(), feature()
		table[0][a] = table[0][b]
		if a == b {
			return "nothing", same
		}
		return "name twice", same
	case 5: // the names of two features: their values belong to the other now
		a, b := feature(), feature()
		table[0][a], table[0][b] = table[0][b], table[0][a]
		x, y := slices.Index(c.names, table[0][a]), slices.Index(c.names, table[0][b])
		values := slices.Clone(c.features)
		for k := 0; k < len(values); k += c.width {
			values[k+x], values[k+y] = values[k+y], values[k+x]
		}
		return "names swapped", func(p *files.Part) bool { return c.equal(p, values) }
	}
	copy(table, table[1:])
	table[len(table)-1] = table[len(table)-2] // the last row twice
	return "header dropped", func(p *files.Part) bool { return false }
}

// equal reports whether a part holds values, and the labels of the content.
func (c *content) equal(p *files.Part, values []string) bool {
	if p.Len() != len(c.labels) || p.Size() != c.width {
		return false
	}
	for i, want := range values {
		if v, err := strconv.ParseFloat(want, 64); err != nil || p.At(i) != v {
			return false
		}
	}
	for i, want := range c.labels {
		if p.Names[p.Labels[i]] != want {
			return false
		}
	}
	return true
}
