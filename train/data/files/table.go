package files

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of a table.
const (
	maxValues = 1 << 28 // features in memory
	maxRecord = 1 << 24 // bytes of one row
)

// TableOptions say how a table is to be read, where it leaves that open.
type TableOptions struct {
	Label  string   // column of the labels: a name of the header, a number from 1, or "last"; empty to guess
	Drop   []string // columns to leave out, by name or number
	Header string   // whether the first line names the columns: "yes", "no", or empty to guess
	// Like is the table of the training part, whose columns this one has: Label
	// and Drop are not asked then.
	Like *Part
}

// Table reads a CSV file, gzip or not, with numbers for features and one column
// of labels. Fields are separated by comma, semicolon or tab. The first line may
// name the columns, or, as in scikit-learn's own files, hold the number of rows,
// the number of features and the names of the classes, to which the last column
// is then an index. A first line that is known by one word to name the columns is
// a row after all when the word is a label further down.
func Table(path string, opt TableOptions) (p *Part, err error) {
	decode := func(r io.Reader) (err error) {
		p, err = decodeTable(r, opt)
		return err
	}
	if err = read(path, decode); errors.Is(err, errRow) {
		opt.Header = "no"
		err = read(path, decode)
	}
	if err != nil {
		return nil, err
	}
	lines := p.Where
	p.Where = func(i int) Error { e := lines(i); e.Path = path; return e }
	return p, nil
}

// table is a file that is being read.
type table struct {
	columns
	csv   *csv.Reader
	guard *rowGuard
	part  *Part
	lines []int
	names map[string]int // of labels, to their index
}

func decodeTable(r io.Reader, opt TableOptions) (*Part, error) {
	t := &table{guard: &rowGuard{r: &bounded{r: r, left: maxBytes}, left: maxRecord}, part: &Part{}, names: map[string]int{}}
	separator, err := t.open()
	if err != nil {
		return nil, err
	}
	first, err := t.row()
	if err != nil {
		return nil, err
	}
	if first == nil {
		return nil, &Error{Place: Whole, Err: fmt.Errorf("%w: no line with values", ErrTruncated)}
	}
	first = slices.Clone(first)
	line, _ := t.csv.FieldPos(0)
	row, err := t.row()
	if err != nil {
		return nil, err
	}
	if err := t.understand(first, row, opt); err != nil {
		return nil, err
	}
	if !t.headed {
		if err := t.add(first, line); err != nil {
			return nil, err
		}
	}
	for row != nil {
		line, _ := t.csv.FieldPos(0)
		if err := t.add(row, line); err != nil {
			return nil, err
		}
		if row, err = t.row(); err != nil {
			return nil, err
		}
	}
	return t.finish(separator)
}

// open looks at the first line, and begins to read the rows.
func (t *table) open() (separator rune, err error) {
	b := bufio.NewReaderSize(t.guard, 1<<16)
	head, err := b.Peek(1 << 16)
	if err != nil && len(head) == 0 && !errors.Is(err, io.EOF) {
		return 0, orTruncated(err)
	} // any other error comes again, after the rows before it
	if mark := "\ufeff"; strings.HasPrefix(string(head), mark) {
		b.Discard(len(mark))
	}
	if slices.Contains(head, 0) {
		return 0, at(int64(slices.Index(head, 0)), fmt.Errorf("%w: a zero byte, this is no text", ErrFormat))
	}
	line, _, _ := strings.Cut(string(head), "\n")
	separator = ','
	for _, s := range ";\t" {
		n := strings.Count(line, string(s))
		if n > strings.Count(line, string(separator)) || n > 0 && slices.ContainsFunc(strings.Split(line, string(s)), decimalComma) {
			separator = s
		}
	}
	t.csv = csv.NewReader(b)
	t.csv.Comma, t.csv.FieldsPerRecord, t.csv.TrimLeadingSpace, t.csv.ReuseRecord = separator, -1, separator != '\t', true
	return separator, nil
}

// row is the next row, nil at the end.
func (t *table) row() ([]string, error) {
	t.guard.left = maxRecord
	row, err := t.csv.Read()
	var bad *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return nil, nil
	case errors.As(err, &bad):
		return nil, &Error{Line: bad.Line, Err: fmt.Errorf("%w: %w", ErrFormat, bad.Err), Hint: "every \" inside a field is written twice, and the field stands between two"}
	case err != nil:
		return nil, at(t.csv.InputOffset(), orTruncated(err))
	}
	return row, nil
}

// add appends one row.
func (t *table) add(row []string, line int) error {
	if len(row) != t.count {
		return &Error{Line: line, Err: fmt.Errorf("%w: %d fields, the first row has %d", ErrFormat, len(row), t.count), Hint: "write every row with the same fields"}
	}
	if t.doubt >= 0 && strings.TrimSpace(row[t.doubt]) == t.header[t.doubt] {
		return &Error{Line: line, Column: t.doubt + 1, Err: errRow, Hint: "say --header no"}
	}
	if len(t.part.Values)+len(t.features) > maxValues {
		return &Error{Line: line, Err: fmt.Errorf("%w: more than %d values", ErrTooLarge, maxValues)}
	}
	for _, c := range t.features {
		v, err := number(row[c])
		if err != nil {
			return &Error{Line: line, Column: c + 1, Err: fmt.Errorf("%w (%s)", err, t.name(c)), Hint: numberHint(row[c], c+1)}
		}
		t.part.Values = append(t.part.Values, v)
	}
	label, err := t.labelOf(row[t.label])
	if err != nil {
		e := &Error{Line: line, Column: t.label + 1, Err: err, Hint: "name the column of the labels with --label, by its name or number"}
		switch {
		case errors.Is(err, errNoLabel):
			e.Hint = "remove the row or write its label, and call a class that is named so otherwise"
		case errors.Is(err, errEncoding):
			e.Hint = "save the table as UTF-8"
		}
		return e
	}
	t.part.Labels = append(t.part.Labels, label)
	t.lines = append(t.lines, line)
	return nil
}

// Causes that want a hint of their own.
var (
	errNoLabel  = fmt.Errorf("%w: it is missing", ErrLabel)
	errEncoding = fmt.Errorf("%w: not in UTF-8", ErrLabel)
)

// labelOf is the index of a label, a new one for a new label.
func (t *table) labelOf(text string) (int, error) {
	text = strings.TrimSpace(text)
	if slices.Contains([]string{"", "?", "na", "n/a", "nan", "null"}, strings.ToLower(text)) { // none and - can be classes
		return 0, fmt.Errorf("%w (%s)", errNoLabel, quoted(text))
	}
	if v, err := strconv.ParseFloat(text, 64); err == nil {
		if v != math.Trunc(v) || math.Abs(v) > 1<<53 {
			return 0, fmt.Errorf("%w: %s is no whole number", ErrLabel, quoted(text))
		}
		text = strconv.FormatInt(int64(v), 10) // 1.0 and 01 are 1
	}
	if t.classes != nil {
		v, err := strconv.Atoi(text)
		if err != nil || v < 0 || v >= len(t.classes) {
			return 0, fmt.Errorf("%w: %s, the first line names %d classes", ErrLabel, quoted(text), len(t.classes))
		}
		text = t.classes[v]
	}
	if !utf8.ValidString(text) {
		return 0, fmt.Errorf("%w: %s", errEncoding, quoted(text))
	}
	i, ok := t.names[text]
	if !ok {
		if i = len(t.names); i == maxClasses {
			return 0, fmt.Errorf("%w: more than %d different ones", ErrLabel, maxClasses)
		}
		t.names[text] = i
		t.part.Names = append(t.part.Names, text)
	}
	return i, nil
}

// finish checks the whole.
func (t *table) finish(separator rune) (*Part, error) {
	if t.rows >= 0 && t.rows != len(t.lines) {
		return nil, &Error{Place: Whole, Err: fmt.Errorf("%w: %d rows, the first line announces %d", ErrTruncated, len(t.lines), t.rows)}
	}
	if len(t.lines) == 0 {
		return nil, &Error{Place: Whole, Err: fmt.Errorf("%w: no row after the header", ErrTruncated)}
	}
	t.part.Dims, t.part.Classes = []int{len(t.features)}, t.classes
	t.part.Where = func(i int) Error { return Error{Line: t.lines[i]} }
	t.part.How = t.how()
	columns := t.columns
	t.part.columns = &columns
	if separator != ',' {
		t.part.How += fmt.Sprintf("; fields separated by %q", separator)
	}
	return t.part, nil
}

// missing reports whether a field stands for no value.
func missing(text string) bool {
	return slices.Contains([]string{"", "?", "-", "na", "n/a", "null", "none"}, strings.ToLower(text))
}

// mostValue is the largest number that is read, for people.
const mostValue = "3.4e38"

// number reads a finite number.
func number(text string) (float32, error) {
	text = strings.TrimSpace(text)
	if missing(text) {
		return 0, fmt.Errorf("%w: it is missing", ErrValue)
	}
	v, err := strconv.ParseFloat(text, 32)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, fmt.Errorf("%w: %s is too large, the most is %s", ErrValue, quoted(text), mostValue)
	case err != nil && decimalComma(text):
		return 0, fmt.Errorf("%w: %s has a comma, numbers need a decimal point", ErrValue, quoted(text))
	case err != nil || math.IsNaN(v) || math.IsInf(v, 0):
		return 0, fmt.Errorf("%w: %s is no finite number", ErrValue, quoted(text))
	}
	return float32(v), nil
}

// numberHint says what to do about a field that number refuses.
func numberHint(text string, column int) string {
	_, err := strconv.ParseFloat(strings.TrimSpace(text), 32)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return fmt.Sprintf("remove the row or scale the column, or leave it out with --drop %d", column)
	case decimalComma(text):
		return "write numbers with a decimal point, and nothing between thousands"
	}
	return fmt.Sprintf("remove the row or write a number, or leave the column out with --drop %d", column)
}

// rowGuard bounds how much is read for one row: a quotation mark without its
// end would otherwise gather the whole file in memory.
type rowGuard struct {
	r    io.Reader
	left int
}

func (g *rowGuard) Read(p []byte) (int, error) {
	if g.left <= 0 {
		return 0, fmt.Errorf("%w: a row of more than %d bytes", ErrTooLarge, maxRecord)
	}
	n, err := g.r.Read(p)
	g.left -= n
	return n, err
}
