package table

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// Options say how a table is to be read, where it leaves that open.
type Options struct {
	// Label is the column of the labels: a name of the header, a number from 1, or
	// "last"; several, with commas, for one-hot columns; empty to guess.
	Label     string
	Drop      []string // columns to leave out, by name or number
	Keep      []string // columns to keep although they look like row numbers, or tell the label
	Header    string   // whether the first line names the columns: "yes", "no", or empty to guess
	Separator string   // between fields; empty to guess
	Decimal   string   // "." or ","; empty to guess
	Encode    bool     // columns of words become a column of 0 and 1 for each word
	Dates     bool     // columns of dates and times become seconds since 1970
	// Want are the features of the task, in its order; nil for any.
	Want []files.Feature
	// Like is the table of the training part, whose columns this one has: nothing
	// is guessed then.
	Like *files.Part
}

// File reads a table from a file, gzip or not.
func File(tree *files.Tree, name string, opt Options, a *files.Account) (*files.Part, error) {
	t := &table{opt: opt, account: a}
	separator, err := parseSeparator(opt.Separator)
	if err != nil {
		return nil, files.Named(tree.At(name), err)
	}
	t.open = func() (source, func() error, error) {
		r, err := tree.Content(name)
		if err != nil {
			return nil, nil, err
		}
		text, encoding, err := decodeText(files.Bounded(r, files.MaxBytes))
		if err != nil {
			return nil, nil, errors.Join(err, r.Close())
		}
		if t.dialect == nil {
			if t.dialect, text, err = readDialect(text, separator); err != nil {
				return nil, nil, errors.Join(err, r.Close())
			}
			if encoding != "" {
				t.dialect.note("encoding", "", "the text is %s", encoding)
			}
		}
		rows, err := t.dialect.open(text)
		return rows, r.Close, err
	}
	p, err := t.read()
	if err != nil {
		return nil, files.Named(tree.At(name), err)
	}
	a.Count("table")
	lines := p.Where
	p.Where = func(i int) files.Error { e := lines(i); e.Path = tree.At(name); return e }
	return p, nil
}

// readDialect looks at the beginning of a text, and returns the whole text.
func readDialect(text *bufio.Reader, separator byte) (*dialect, *bufio.Reader, error) {
	text = bufio.NewReaderSize(text, headBytes)
	head, err := text.Peek(headBytes)
	if err != nil && !errors.Is(err, io.EOF) && len(head) == 0 {
		return nil, nil, err
	}
	return understand(string(head), len(head) < headBytes, separator), text, nil
}

// table is a file that is being read.
type table struct {
	opt     Options
	account *files.Account
	open    func() (source, func() error, error)
	dialect *dialect // of text; nil of other tables
	names   []string // of the columns, of tables that always name them
	head    *head
	survey  *survey
	choice  *choice
}

// read reads the rows twice: first to learn what the columns hold, then for the
// values.
func (t *table) read() (*files.Part, error) {
	if err := t.surveyed(usual); err != nil {
		return nil, err
	}
	f, err := t.decideFormat()
	if err != nil {
		return nil, err
	}
	if f != usual {
		if err := t.surveyed(f); err != nil {
			return nil, err
		}
		t.account.Assume("decimal", "--decimal", "numbers have a decimal %s%s",
			map[byte]string{'.': "point", ',': "comma"}[f.decimal], groupWords(f.group))
	}
	t.say()
	if t.choice, err = t.choose(); err != nil {
		return nil, err
	}
	return t.build()
}

func groupWords(group string) string {
	if group == "" {
		return ""
	}
	return fmt.Sprintf(", and %q between thousands", group)
}

// say notes how the text was understood.
func (t *table) say() {
	h := t.head
	if d := t.dialect; d != nil {
		for _, n := range d.notes {
			t.account.Add(n)
		}
		if d.inside > 0 {
			t.account.Assume("comments", "", "%d lines inside the table begin with %c, have other fields than rows, and are "+
				"left out as comments: the first is line %d", d.inside, d.comment, d.first)
		}
		if d.separator != ',' && d.fields > 1 {
			t.account.Assume("separator", "--separator", "fields are separated by %s", nameOfSeparator(d.separator))
		}
	}
	switch {
	case h.doubt >= 0:
		t.account.Assume("header", "--header",
			"the first line is taken for names, as %s is no label below (--header no reads it as a row)",
			files.Quoted(h.names[h.doubt]))
	case h.why != "":
		t.account.Assume("header", "--header", "the first line is taken for names, as %s", h.why)
	case h.classes != nil:
		t.account.See("class-names", "the first line gives the number of rows and the names of the classes")
	case h.names == nil:
		t.account.Assume("header", "--header", "the first line is a row: no header")
	}
	if t.survey.blank > 0 {
		t.account.See("blank-rows", "%d rows without any value are left out", t.survey.blank)
	}
	if t.survey.footer != "" {
		t.account.Assume("footer", "", "the last line is no row, and left out: %s", files.Quoted(t.survey.footer))
	}
}

// surveyed reads all rows once, with numbers in a format. A first line that is
// known by one word to name the columns is a row after all when the word is a
// label further down.
func (t *table) surveyed(f format) error {
	err := t.surveyOnce(f)
	if errors.Is(err, errRow) {
		t.opt.Header = "no"
		err = t.surveyOnce(f)
	}
	if err == nil && t.wordsOverWords() {
		t.opt.Header = "yes"
		if err = t.surveyOnce(f); err == nil {
			t.head.why = "its words occur in no other row"
		}
	}
	return err
}

// wordsOverWords reports whether a first line that was taken for a row names
// columns of words: each of its words is in no other row, while others repeat.
func (t *table) wordsOverWords() bool {
	if t.opt.Header != "" || t.head.headed || t.opt.Like != nil {
		return false
	}
	words := 0
	for i := range t.survey.columns {
		c := &t.survey.columns[i]
		if c.kind() != wordsKind {
			return false
		}
		if c.counts == nil || c.counts[c.firstText] != 1 || len(c.counts) > t.survey.rows/2 {
			return false
		}
		words++
	}
	return words > 1
}

func (t *table) surveyOnce(f format) (err error) {
	rows, done, err := t.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	first, line, err := t.firstRow(rows)
	if err != nil {
		return err
	}
	row, at, err := rows.next()
	if err != nil {
		return err
	}
	if t.dialect == nil || t.dialect.header != nil {
		t.head = &head{headed: true, doubt: -1, rows: -1, names: t.names}
		if t.names == nil {
			t.head.names = t.dialect.header
		}
		t.survey = newSurvey(len(first), t.head.names, f)
		if err := t.note(first, line); err != nil {
			return err
		}
	} else {
		if t.head, err = readHead(first, row, t.opt); err != nil {
			return err
		}
		t.survey = newSurvey(fieldsOf(t.head, first, row), t.head.names, f)
		if t.head.rowName {
			t.survey.keys = map[uint64]struct{}{}
		}
		if !t.head.headed {
			if err := t.note(first, line); err != nil {
				return err
			}
		}
	}
	if i := slices.IndexFunc(t.head.names, func(s string) bool { return !utf8.ValidString(s) }); i >= 0 {
		return &files.Error{Line: line, Column: i + 1, Err: fmt.Errorf("%w: the name %s is not in UTF-8", files.ErrFormat,
			files.Quoted(t.head.names[i])), Hint: saveUTF8}
	}
	if n := len(t.survey.columns); t.head.names != nil && len(t.head.names) != n {
		return &files.Error{Line: line, Err: fmt.Errorf("%w: %d names over %d fields", files.ErrFormat, len(t.head.names),
			n), Hint: "name every column once"}
	}
	if err := t.noteAll(rows, row, at); err != nil {
		return err
	}
	if t.survey.repeats {
		return &files.Error{Line: line, Err: fmt.Errorf("%w: %d names over %d fields, and the first of these are no names "+
			"of rows, as they repeat", files.ErrFormat, len(t.head.names)-1, len(t.head.names)), Hint: "name every column once"}
	}
	return nil
}

// firstRow is a copy of the first row that has anything in it.
func (t *table) firstRow(rows source) ([]string, int, error) {
	for {
		row, line, err := rows.next()
		switch {
		case err != nil:
			return nil, 0, err
		case row == nil:
			return nil, 0, &files.Error{Place: files.Whole, Err: fmt.Errorf("%w: no line with values", files.ErrTruncated)}
		case !isBlank(row):
			return slices.Clone(row), line, nil
		}
	}
}

// fieldsOf is how many fields the rows have.
func fieldsOf(h *head, first, second []string) int {
	if h.headed && second != nil {
		return len(second)
	}
	return len(first)
}

// noteAll surveys the rows from the second on. A last line of one field is no row
// when rows have more.
func (t *table) noteAll(rows source, row []string, line int) (err error) {
	for row != nil {
		if len(row) == 1 && len(t.survey.columns) > 1 && !isBlank(row) {
			text := row[0]
			next, at, err := rows.next()
			if err != nil {
				return err
			}
			if next != nil {
				return t.wrongFields(1, line)
			}
			t.survey.footer, row, line = text, next, at
			continue
		}
		if err := t.note(row, line); err != nil {
			return err
		}
		if row, line, err = rows.next(); err != nil {
			return err
		}
	}
	s := t.survey
	switch {
	case s.rows == 0:
		return &files.Error{Place: files.Whole, Err: fmt.Errorf("%w: no row after the header", files.ErrTruncated)}
	case t.head.rows >= 0 && t.head.rows != s.rows:
		return &files.Error{Place: files.Whole, Err: fmt.Errorf("%w: %d rows, the first line announces %d",
			files.ErrTruncated, s.rows, t.head.rows)}
	}
	return nil
}

func (t *table) wrongFields(n, line int) error {
	return &files.Error{Line: line, Err: fmt.Errorf("%w: %d fields, the first row has %d", files.ErrFormat, n,
		len(t.survey.columns)), Hint: "write every row with the same fields, or say what separates them with --separator"}
}

// note surveys one row.
func (t *table) note(row []string, line int) error {
	switch {
	case isBlank(row):
		t.survey.blank++
		return nil
	case len(row) != len(t.survey.columns):
		return t.wrongFields(len(row), line)
	case t.head.doubt >= 0 && strings.TrimSpace(row[t.head.doubt]) == t.head.names[t.head.doubt]:
		return &files.Error{Line: line, Column: t.head.doubt + 1, Err: errRow, Hint: "say --header no"}
	case int64(t.survey.rows)*int64(len(row)) > files.MaxValues:
		return &files.Error{Line: line, Err: fmt.Errorf("%w: more than %d values", files.ErrTooLarge, files.MaxValues)}
	}
	t.survey.add(row, line)
	return nil
}
