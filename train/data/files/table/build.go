package table

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// builder makes a part of the rows.
type builder struct {
	*table
	part   *files.Part
	lines  []int
	names  map[string]int // of labels, to their index
	whole  bool           // labels are written as floats and named as whole numbers
	narrow bool           // every value is a whole number of 0 to 255
	row    []float64
	truths []bool // of each feature of numbers: true and false are numbers too
	short  int    // rows left out as values are missing
}

// build reads the rows for their values.
func (t *table) build() (p *files.Part, err error) {
	rows, done, err := t.open()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, done()) }()
	b := &builder{table: t, part: &files.Part{}, names: map[string]int{}}
	b.prepare()
	if err := b.labels(); err != nil {
		return nil, err
	}
	if t.head.headed && t.dialect != nil && t.dialect.header == nil {
		if _, _, err := t.firstRow(rows); err != nil {
			return nil, err
		}
	}
	for n := 0; n < t.survey.rows; {
		row, line, err := rows.next()
		if err != nil {
			return nil, err
		}
		if row == nil {
			return nil, &files.Error{Place: files.Whole, Err: fmt.Errorf("%w: the file has changed while it was read",
				files.ErrTruncated)}
		}
		if isBlank(row) {
			continue
		}
		n++
		if err := b.add(row, line); err != nil {
			return nil, err
		}
	}
	return b.finish()
}

// prepare chooses how values are kept.
func (b *builder) prepare() {
	width := files.FeatureWidth(b.choice.features)
	b.row, b.narrow = make([]float64, width), true
	for j, i := range b.choice.columns {
		col := &b.survey.columns[i]
		b.truths = append(b.truths, col.kind() == boolKind || col.isBinary())
		if kind := b.choice.features[j].Kind; kind == files.DateKind || kind == files.NumberKind &&
			!(col.kind() == boolKind ||
				col.whole && col.min >= 0 && col.max <= 255) {
			b.narrow = false
		}
	}
	if b.narrow {
		b.part.Bytes = make([]byte, 0, b.survey.rows*width)
	} else {
		b.part.Doubles = make([]float64, 0, b.survey.rows*width)
	}
	b.part.Dims, b.part.Columns = []int{width}, b.choice
	if b.choice.features[0].Name != "" {
		b.part.Features = b.choice.features
	}
}

// labels decides how labels are named. Whole numbers in their shortest form are
// numbers; those all written as floats too, when no two of them are one number;
// everything else is text as it stands.
func (b *builder) labels() error {
	if len(b.choice.labels) > 1 {
		for _, i := range b.choice.labels {
			b.part.Names = append(b.part.Names, b.name(i))
		}
		return nil
	}
	i := b.choice.labels[0]
	col := &b.survey.columns[i]
	b.part.Numbered = col.short
	if col.floats && col.counts != nil {
		seen := map[int]bool{}
		for text := range col.counts {
			n, _ := wholeFloat(text)
			seen[n] = true
		}
		if b.whole = len(seen) == len(col.counts); b.whole {
			b.part.Numbered = true
			b.account.See("label-floats", "labels are whole numbers written as floats, and named without their point")
		}
	}
	if col.kind() == number && !b.part.Numbered {
		b.account.Warn("labels-as-text", "--label",
			"labels are text as they stand, since not all are whole numbers in their shortest form: %s",
			files.Joined(levelsOf(col)))
	}
	return nil
}

// add appends one row.
func (b *builder) add(row []string, line int) error {
	at := 0
	for j, i := range b.choice.columns {
		f := b.choice.features[j]
		err := b.value(f, strings.TrimSpace(row[i]), b.truths[j], b.row[at:at+f.Width()])
		if err != nil {
			if b.account.Accepts("missing-values") && (missing(strings.TrimSpace(row[i])) ||
				notFinite(strings.TrimSpace(row[i]))) {
				b.account.Skip("rows with missing values", fmt.Sprintf("line %d", line))
				b.short++
				return nil
			}
			return b.badValue(err, row[i], i, line)
		}
		at += f.Width()
	}
	if err := b.addLabel(row); err != nil {
		e := &files.Error{Line: line, Column: b.choice.labels[0] + 1, Err: err, Hint: labelHint(err)}
		if errors.Is(err, errNA) {
			e.Code = "label-na"
		}
		return e
	}
	for _, v := range b.row {
		if b.narrow {
			b.part.Bytes = append(b.part.Bytes, byte(v))
		} else {
			b.part.Doubles = append(b.part.Doubles, v)
		}
	}
	b.lines = append(b.lines, line)
	return nil
}

// badValue is the error of a field that has no value.
func (b *builder) badValue(err error, text string, i, line int) error {
	e := &files.Error{Line: line, Column: i + 1, Err: fmt.Errorf("%w (%s)", err, b.name(i)),
		Hint: fmt.Sprintf("remove the row or write a number, or leave the column out with --drop %s", b.flagValue(i))}
	text = strings.TrimSpace(text)
	switch {
	case missing(text) || notFinite(text):
		e.Code = "missing-values"
		e.Hint += "; --accept missing-values leaves such rows out"
	case errors.Is(err, errNoTruth):
		e.Hint = "write true or false, or 0 or 1"
	case errors.Is(err, strconv.ErrRange):
		e.Hint = fmt.Sprintf("remove the row or scale the column, or leave it out with --drop %s", b.flagValue(i))
	case decimalComma(text):
		e.Hint = "write numbers with a decimal point and nothing between thousands, or say which mark is decimal with " +
			"--decimal"
	}
	return e
}

// value turns a field into the values of a feature; truth says that it may be true
// or false.
func (b *builder) value(f files.Feature, text string, truth bool, to []float64) error {
	switch f.Kind {
	case files.OneHotKind:
		clear(to)
		k := slices.Index(f.Levels, text)
		if k < 0 {
			return fmt.Errorf("%w: %s is none of the words %s", files.ErrValue, files.Quoted(text), files.Joined(f.Levels))
		}
		to[k] = 1
		return nil
	case files.BooleanKind:
		one, ok := zeroOrOne(text)
		switch {
		case missing(text) || notFinite(text):
			return whyNoNumber(text, strconv.ErrSyntax)
		case !ok:
			return fmt.Errorf("%w: %s is neither true nor false, and neither 0 nor 1%w", files.ErrValue, files.Quoted(text),
				silent{errNoTruth})
		}
		if to[0] = 0; one {
			to[0] = 1
		}
		return nil
	case files.DateKind:
		v, ok := date(text)
		if !ok {
			return fmt.Errorf("%w: %s is no date such as 2006-01-02 or 2006-01-02 15:04:05", files.ErrValue, files.Quoted(text))
		}
		to[0] = v
		return nil
	}
	v, err := b.survey.format.parse(text)
	if err == nil {
		to[0] = v
		return nil
	}
	if yes, _, ok := boolean(text); ok && truth {
		if to[0] = 0; yes {
			to[0] = 1
		}
		return nil
	}
	return whyNoNumber(text, err)
}

// whyNoNumber says why a field is no number.
func whyNoNumber(text string, err error) error {
	switch {
	case missing(text):
		return fmt.Errorf("%w: it is missing", files.ErrValue)
	case errors.Is(err, strconv.ErrRange):
		return fmt.Errorf("%w: %s is too large, the most is %s%w", files.ErrValue, files.Quoted(text), mostValue,
			silent{strconv.ErrRange})
	case decimalComma(text):
		return fmt.Errorf("%w: %s has a comma, numbers need a decimal point", files.ErrValue, files.Quoted(text))
	}
	return fmt.Errorf("%w: %s is no finite number", files.ErrValue, files.Quoted(text))
}

// errNoTruth is the cause of what is neither true nor false.
var errNoTruth = errors.New("neither true nor false")

// silent is a cause that is not printed.
type silent struct{ error }

func (silent) Error() string   { return "" }
func (s silent) Unwrap() error { return s.error }

// addLabel appends the label of one row.
func (b *builder) addLabel(row []string) error {
	if len(b.choice.labels) > 1 {
		for k, i := range b.choice.labels {
			if text := strings.TrimSpace(row[i]); text != "" && text[0] != '0' {
				if one, _, ok := boolean(text); !ok || one {
					b.part.Labels = append(b.part.Labels, k)
					return nil
				}
			}
		}
		return errNoLabel
	}
	text := strings.TrimSpace(row[b.choice.labels[0]])
	switch {
	case text == "":
		return errNoLabel
	case noLabel(text) && !b.account.Accepts("label-na"):
		return fmt.Errorf("%w (%s)%w", errNoLabel, files.Quoted(text), silent{errNA})
	}
	if !utf8.ValidString(text) {
		return fmt.Errorf("%w: %s", errEncoding, files.Quoted(text))
	}
	if b.whole {
		n, _ := wholeFloat(text)
		text = strconv.Itoa(n)
	}
	if k := b.head.classes; k != nil {
		return b.listed(text)
	}
	return b.part.AddLabel(text, b.names)
}

// listed appends a label that is an index into the classes of the first line.
func (b *builder) listed(text string) error {
	i, err := strconv.Atoi(text)
	if err != nil || i < 0 || i >= len(b.head.classes) {
		return fmt.Errorf("%w: %s is no index into the %d classes of the first line", files.ErrLabel, files.Quoted(text),
			len(b.head.classes))
	}
	if !utf8.ValidString(b.head.classes[i]) {
		return fmt.Errorf("%w: %s", errEncoding, files.Quoted(b.head.classes[i]))
	}
	b.part.Numbered = false
	return b.part.AddLabel(b.head.classes[i], b.names)
}

// finish checks the whole.
func (b *builder) finish() (*files.Part, error) {
	p := b.part
	if len(p.Labels) == 0 {
		return nil, &files.Error{Place: files.Whole, Err: fmt.Errorf("%w: every row has missing values", files.ErrValue),
			Hint: "leave columns out with --drop"}
	}
	if b.short > 0 {
		b.account.Warn("missing-values", "", "%d of %d rows are left out: values are missing", b.short, b.survey.rows)
	}
	p.Classes = b.head.classes
	lines := b.lines
	p.Where = func(i int) files.Error { return files.Error{Line: lines[i]} }
	if b.opt.Like == nil && b.opt.Want == nil {
		return p, b.leaks()
	}
	return p, nil
}

// leaks refuses features that the label decides: within every class they have one
// value, over all classes several. They are the label in other words.
func (b *builder) leaks() error {
	p := b.part
	width := p.Size()
	if p.Len() < 2*leastRows || p.Len() < 2*len(p.Names) || len(p.Names) < 2 {
		return nil
	}
	kept := map[int]bool{}
	for _, k := range b.opt.Keep {
		if i, err := b.find(k, "--keep"); err == nil {
			kept[i] = true
		}
	}
	at := 0
	for j, i := range b.choice.columns {
		w := b.choice.features[j].Width()
		for k := at; k < at+w && !kept[i]; k++ {
			if told(p, k, width) {
				e := b.fail("%w: within every class column %d (%s) has one value: it tells the label", files.ErrValue, i+1,
					b.name(i))
				e.Hint = fmt.Sprintf("leave it out with --drop %s, or keep it with --keep %s", b.flagValue(i), b.flagValue(i))
				return e
			}
		}
		at += w
	}
	return nil
}

// told reports whether the label decides feature k.
func told(p *files.Part, k, width int) bool {
	first := make([]float64, len(p.Names))
	seen := make([]bool, len(p.Names))
	for i, y := range p.Labels {
		v := p.At(i*width + k)
		if seen[y] && first[y] != v {
			return false
		}
		first[y], seen[y] = v, true
	}
	return slices.Max(first) > slices.Min(first)
}
