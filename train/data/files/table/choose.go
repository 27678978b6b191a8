package table

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// choice is what the columns of a table are for.
type choice struct {
	names    []string // of all columns; nil without
	labels   []int    // the column of labels, or the one-hot columns of them
	columns  []int    // of the features, in order
	features []files.Feature
	dropped  []int
	format   format // of numbers
}

// LabelColumns names the columns that hold the labels of a part that was read here.
func LabelColumns(p *files.Part) (names []string) {
	c := p.Columns.(*choice)
	for _, i := range c.labels {
		names = append(names, nameIn(c.names, i))
	}
	return names
}

// name is a column for people.
func (t *table) name(i int) string { return nameIn(t.head.names, i) }

func nameIn(names []string, i int) string {
	if i < len(names) && names[i] != "" {
		return names[i]
	}
	return "no name"
}

func (t *table) fail(format string, args ...any) *files.Error {
	return &files.Error{Line: 1, Err: fmt.Errorf(format, args...)}
}

// choose decides which columns hold what.
func (t *table) choose() (*choice, error) {
	c := &choice{names: t.head.names, format: t.survey.format}
	if t.opt.Like != nil {
		if err := t.follow(c, t.opt.Like.Columns.(*choice)); err != nil {
			return nil, err
		}
		if len(c.labels) > 1 {
			if err := t.checkOneHot(c); err != nil {
				return nil, err
			}
		}
		return c, t.sayKinds(c)
	}
	kept, err := t.dropUseless(c)
	if err != nil {
		return nil, err
	}
	guessed, err := t.findLabel(c)
	if err != nil {
		return nil, err
	}
	if err := t.judgeLabel(c, guessed); err != nil {
		return nil, err
	}
	if t.opt.Want != nil {
		if err := t.match(c); err != nil {
			return nil, err
		}
		return c, t.sayKinds(c)
	}
	t.dropIDs(c, kept)
	for i := range t.survey.columns {
		if !slices.Contains(c.labels, i) && !slices.Contains(c.dropped, i) {
			c.columns = append(c.columns, i)
		}
	}
	if len(c.columns) == 0 {
		e := t.fail("%w: no column of features", files.ErrFormat)
		e.Hint = "a table needs numbers and a column of labels; choose them with --label and --keep, and the separator " +
			"with --separator"
		return nil, e
	}
	if err := t.encode(c); err != nil {
		return nil, err
	}
	return c, t.sayKinds(c)
}

// sayKinds notes the columns of which fields become other numbers, and refuses
// words for false and true of several pairs.
func (t *table) sayKinds(c *choice) error {
	for j, i := range c.columns {
		kind, col := c.features[j].Kind, &t.survey.columns[i]
		switch {
		case kind == files.BooleanKind && !col.onePair():
			e := t.fail("%w: column %d (%s) has several pairs of words for true and false", files.ErrValue, i+1, t.name(i))
			e.Hint = "write true and false, or 0 and 1"
			return e
		case kind == files.BooleanKind || kind == files.NumberKind && col.pairs != 0:
			t.account.See("boolean", "column %d (%s): false is 0, true is 1", i+1, t.name(i))
		case kind == files.DateKind:
			t.account.See("date", "column %d (%s): dates are seconds since 1970, in UTC where they have no zone", i+1, t.name(i))
		}
	}
	return nil
}

// dropUseless leaves out what was asked for, columns without values, the names of
// rows that R writes, and the numbers of rows that pandas writes. It returns the
// columns to keep in any case.
func (t *table) dropUseless(c *choice) (kept []int, err error) {
	for _, k := range t.opt.Keep {
		i, err := t.find(k, "--keep")
		if err != nil {
			return nil, err
		}
		kept = append(kept, i)
	}
	for _, d := range t.opt.Drop {
		i, err := t.find(d, "--drop")
		if err != nil {
			return nil, err
		}
		c.dropped = append(c.dropped, i)
		t.account.See("dropped", "column %d (%s) is left out, as asked", i+1, t.name(i))
	}
	for i := range t.survey.columns {
		col := &t.survey.columns[i]
		named := t.head.names != nil && t.head.names[i] != ""
		_, unnamed := strings.CutPrefix(col.name, "Unnamed: ")
		switch {
		case slices.Contains(kept, i) || slices.Contains(c.dropped, i):
			continue
		case col.kind() == empty && !named:
			t.account.See("column-empty", "column %d has neither a name nor values, and is left out", i+1)
		case col.kind() == empty:
			t.account.Warn("column-empty", "", "column %d (%s) has no values, and is left out", i+1, col.name)
		case i == 0 && t.head.rowName:
			t.account.Assume("row-names", "--keep "+t.flagValue(i),
				"column 1 has no name in the header, as names of rows in tables of R: it is left out")
		case t.head.names != nil && !named && i == 0 && len(t.survey.columns) > 1, unnamed && named:
			t.account.Assume("index-column", "--keep "+t.flagValue(i),
				"column %d (%s) is an index without a name, and left out", i+1, nameIn(t.head.names, i))
		default:
			continue
		}
		c.dropped = append(c.dropped, i)
	}
	return kept, nil
}

// idNames are what columns of identities are called.
var idNames = strings.Fields("id ids index idx row rowid row_id rownames rowname rownumber row_number uuid guid " +
	"key sampleid sample_id recordid record_id objectid no nr #")

// dropIDs leaves out row numbers, and columns of numbers or words that are called
// ids and never repeat, unless nothing would be left.
func (t *table) dropIDs(c *choice, kept []int) {
	var out []int
	left := len(t.survey.columns) - len(c.dropped) - len(c.labels)
	for i := range t.survey.columns {
		if slices.Contains(c.dropped, i) || slices.Contains(c.labels, i) || slices.Contains(kept, i) {
			continue
		}
		if why := t.isID(i); why != "" && len(out) < left-1 {
			out = append(out, i)
			t.account.Assume("id-column", "--keep "+t.flagValue(i), "column %d (%s) is left out: %s", i+1, t.name(i), why)
		}
	}
	c.dropped = append(c.dropped, out...)
}

// leastRows is how few rows show nothing of a column.
const leastRows = 10

// isID tells why a column is one of identities; empty when it is none.
func (t *table) isID(i int) string {
	col := &t.survey.columns[i]
	if t.survey.rows < leastRows || col.missing+col.infinite > 0 {
		return ""
	}
	unique := col.distinct() == t.survey.rows || col.kind() == number && col.rising
	low := strings.ToLower(col.name)
	called := slices.Contains(idNames, low) || strings.HasSuffix(low, "_id") || strings.HasSuffix(col.name,
		"Id") || strings.HasSuffix(col.name, "ID")
	switch {
	case col.kind() == number && col.whole && col.sequence:
		return fmt.Sprintf("it numbers the rows from %g", col.first)
	case col.kind() == number && col.whole && col.distinct() == t.survey.rows &&
		col.max-col.min == float64(t.survey.rows-1):
		return fmt.Sprintf("it numbers the rows from %g, in another order", col.min)
	case called && unique && (col.kind() == wordsKind || col.whole):
		return "it is called an id, and no value repeats"
	}
	return ""
}

// flagValue is what stands for a column after a flag: its number; its name where
// the number is the name of another one; else the number as "column 1".
func (t *table) flagValue(i int) string {
	number, name := strconv.Itoa(i+1), t.name(i)
	for _, s := range []string{number, name} {
		plain := !strings.ContainsFunc(s, func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_.-", r)
		})
		if at, err := t.find(s, ""); err == nil && at == i && plain {
			return s
		}
	}
	return `"column ` + number + `"`
}

// find resolves a column by name, number from 1, "column" and that number, or
// "last".
func (t *table) find(asked, flag string) (int, error) {
	names, count := t.head.names, len(t.survey.columns)
	if i := slices.Index(names, asked); i >= 0 {
		return i, nil
	}
	if i := slices.IndexFunc(names, func(h string) bool {
		return strings.EqualFold(h,
			strings.TrimSpace(asked))
	}); i >= 0 {
		return i, nil
	}
	if asked == "last" {
		return count - 1, nil
	}
	i, err := strconv.Atoi(strings.TrimPrefix(strings.TrimSpace(asked), "column "))
	if err != nil || i < 1 || i > count {
		e := t.fail("%w: there is no column %s", files.ErrFormat, files.Quoted(asked))
		e.Hint = fmt.Sprintf("give %s a number from 1 to %d", flag, count)
		if names != nil {
			e.Hint += ", or one of: " + files.Joined(names)
		}
		return 0, e
	}
	return i - 1, nil
}

// encode decides how the columns of features become numbers.
func (t *table) encode(c *choice) error {
	var words, dates []string
	described := t.head.names != nil
	for _, i := range c.columns {
		col := &t.survey.columns[i]
		if err := t.checkWords(i); err != nil {
			return err
		}
		f := files.Feature{Name: col.name}
		if f.Name == "" {
			f.Name = fmt.Sprintf("column %d", i+1)
		}
		switch kind := col.kind(); {
		case kind == boolKind:
			f.Kind, described = files.BooleanKind, true
		case kind == dateKind && t.opt.Dates:
			f.Kind, described = files.DateKind, true
		case kind == dateKind:
			dates = append(dates, fmt.Sprintf("%d (%s)", i+1, t.name(i)))
		case kind == wordsKind && t.opt.Encode && col.counts != nil:
			f.Kind, f.Levels, described = files.OneHotKind, levelsOf(col), true
			t.account.See("one-hot", "column %d (%s): a value of 0 or 1 for each of %d words: %s", i+1, t.name(i),
				len(f.Levels), files.Joined(f.Levels))
		case kind == wordsKind:
			words = append(words, fmt.Sprintf("%d (%s)", i+1, t.name(i)))
		}
		c.features = append(c.features, f)
	}
	switch {
	case words != nil:
		e := t.fail("%w: text in column %s, features must be numbers", files.ErrFormat, files.Joined(words))
		e.Hint = "leave such columns out with --drop NAME, or make a value of 0 or 1 for each word with --encode"
		return e
	case dates != nil:
		e := t.fail("%w: dates in column %s, features must be numbers", files.ErrFormat, files.Joined(dates))
		e.Hint = "leave such columns out with --drop NAME, or read them as seconds since 1970 with --dates"
		return e
	}
	if !described {
		c.features = nil
		for range c.columns {
			c.features = append(c.features, files.Feature{})
		}
	}
	return nil
}

// checkWords refuses words that are not in UTF-8, where a task would hold them.
func (t *table) checkWords(i int) error {
	col := &t.survey.columns[i]
	if col.kind() != wordsKind || !t.opt.Encode {
		return nil
	}
	for _, word := range levelsOf(col) {
		if !utf8.ValidString(word) {
			e := t.fail("%w: column %d (%s) holds %s, which is not in UTF-8", files.ErrFormat, i+1, t.name(i),
				files.Quoted(word))
			e.Line, e.Place, e.Hint = 0, files.Whole, saveUTF8
			return e
		}
	}
	return nil
}

// levelsOf lists the words of a column in order.
func levelsOf(col *column) []string {
	var out []string
	for text := range col.counts {
		if !missing(text) {
			out = append(out, text)
		}
	}
	slices.Sort(out)
	return out
}
