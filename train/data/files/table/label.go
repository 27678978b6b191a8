package table

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// findLabel chooses the column of the labels: the one asked for, else the one
// whose header says so, else the only one of text, else the last.
func (t *table) findLabel(c *choice) (guessed bool, err error) {
	if t.opt.Label != "" {
		return false, t.askedLabel(c)
	}
	if i := t.onlyUnwanted(c); i >= 0 {
		c.labels = []int{i}
		t.account.Assume("label-column", "--label",
			"labels in column %d of %d (%s): it is the only one that is no feature of the task", i+1, len(t.survey.columns),
			t.name(i))
		return false, nil
	}
	named, text, last := t.labelCandidates(c)
	why := "it is the last one"
	switch {
	case last < 0:
		return false, t.fail("%w: no column is left", files.ErrFormat)
	case t.head.classes != nil:
		why = "the first line names the classes"
	case len(named) == 1:
		last, why = named[0], "its name says so"
	case len(named) > 1:
		e := t.fail("%w: columns %d and %d, %s and %s, both look like labels", files.ErrFormat, named[0]+1, named[1]+1,
			files.Quoted(t.name(named[0])), files.Quoted(t.name(named[1])))
		e.Hint = "choose one with --label, and leave the other out with --drop where it says the same"
		return false, e
	case len(text) == 1:
		last, why = text[0], "it is the only one of text"
	case len(text) > 1 && slices.Contains(text, last) && t.opt.Encode:
		why = "it is the last one, and of text"
	case len(text) > 1:
		e := t.fail("%w: columns %d and %d are text, features must be numbers", files.ErrFormat, text[0]+1, text[1]+1)
		e.Hint = "name the column of the labels with --label, and leave others out with --drop or encode them with " +
			"--encode; all take a name or a number"
		return false, e
	}
	c.labels = []int{last}
	t.account.Assume("label-column", "--label", "labels in column %d of %d (%s): %s", last+1, len(t.survey.columns),
		t.name(last), why)
	return why == "it is the last one", nil
}

// askedLabel finds the columns that were asked for.
func (t *table) askedLabel(c *choice) error {
	names := []string{t.opt.Label}
	if !slices.Contains(t.head.names, t.opt.Label) {
		names = strings.Split(t.opt.Label, ",")
	}
	for _, name := range names {
		i, err := t.find(name, "--label")
		if err != nil {
			return err
		}
		if slices.Contains(c.dropped, i) {
			e := t.fail("column %d (%s) is the label, and is to be left out", i+1, t.name(i))
			e.Hint = "give --label and --drop different columns"
			return e
		}
		c.labels = append(c.labels, i)
	}
	return nil
}

// labelCandidates lists the columns whose names say that they hold labels, those of
// text, and the last one; -1 when none is left.
func (t *table) labelCandidates(c *choice) (named, text []int, last int) {
	last = -1
	for i := range t.survey.columns {
		if slices.Contains(c.dropped, i) {
			continue
		}
		if last = i; isLabelName(t.survey.columns[i].name) {
			named = append(named, i)
		}
		if t.survey.columns[i].kind() == wordsKind {
			text = append(text, i)
		}
	}
	if len(named) > 1 && slices.ContainsFunc(t.head.names, func(h string) bool { return strings.EqualFold(h, "x") }) {
		// coordinates
		named = slices.DeleteFunc(named, func(i int) bool { return strings.EqualFold(t.name(i), "y") })
	}
	return named, text, last
}

// onlyUnwanted is the only column that is none of the features of the task, when
// both name theirs; else -1.
func (t *table) onlyUnwanted(c *choice) int {
	if t.opt.Want == nil || t.head.names == nil || t.opt.Want[0].Name == "" {
		return -1
	}
	only := -1
	for i, name := range t.head.names {
		wanted := slices.ContainsFunc(t.opt.Want, func(f files.Feature) bool { return sameName(f.Name, name) })
		switch {
		case wanted || slices.Contains(c.dropped, i) || t.isID(i) != "":
		case only >= 0:
			return -1
		default:
			only = i
		}
	}
	return only
}

// judgeLabel refuses labels that are none: a guess with nearly as many classes as
// rows, or one of several one-hot columns; and columns that are missing values.
func (t *table) judgeLabel(c *choice, guessed bool) error {
	if len(c.labels) > 1 {
		return t.checkOneHot(c)
	}
	i := c.labels[0]
	col := &t.survey.columns[i]
	if col.missing > 0 && t.opt.Like == nil && col.kind() == empty {
		return t.fail("%w: column %d (%s) has no labels", files.ErrLabel, i+1, t.name(i))
	}
	n := t.survey.rows
	if many := col.distinct() < 0 || col.distinct() > 20 && col.distinct() > n/4; guessed && many {
		e := t.fail("%w: column %d (%s), the last, has %s different values in %d rows", files.ErrLabel, i+1, t.name(i),
			atLeast(col.distinct()), n)
		e.Hint = "choose the column of labels with --label, by name or number" + t.betterLabel(c)
		return e
	}
	if better := t.betterLabel(c); guessed && n >= leastRows &&
		(col.distinct() == 1 || better != "" && col.commonest() >= nearlyAll*float64(n)) {
		e := t.fail("%w: column %d (%s), the last, has nearly one value in %d rows", files.ErrLabel, i+1, t.name(i), n)
		e.Hint = "choose the column of labels with --label, by name or number" + better
		return e
	}
	if col.kind() == number && !col.whole && t.opt.Label == "" {
		e := t.fail("%w: column %d (%s) holds fractions, which are no classes", files.ErrLabel, i+1, t.name(i))
		e.Hint = "choose the column of labels with --label, by name or number" + t.betterLabel(c)
		return e
	}
	if group := t.exclusive(c, i); len(group) > 1 {
		var names, numbers []string
		for _, g := range group {
			names, numbers = append(names, t.name(g)), append(numbers, t.flagValue(g))
		}
		e := t.fail("%w: in every row exactly one of the columns %s is 1: together they are the label, and each of them "+
			"tells it", files.ErrLabel, files.Joined(names))
		e.Hint = "read them as one label with --label " + strings.Join(numbers, ",")
		return t.account.Refuse("one-hot-label", *e)
	}
	return nil
}

// nearlyAll is the share of one value with which a column that may be another
// feature is no label.
const nearlyAll = 0.9

func atLeast(n int) string {
	if n < 0 {
		return "more than " + strconv.Itoa(maxDistinct-1)
	}
	return strconv.Itoa(n)
}

// betterLabel suggests a first column of few whole numbers.
func (t *table) betterLabel(c *choice) string {
	for i := range t.survey.columns {
		col := &t.survey.columns[i]
		if d := col.distinct(); !slices.Contains(c.dropped, i) && col.short && d > 1 && d <= 20 && d*4 <= t.survey.rows {
			return fmt.Sprintf(": --label %s has %d whole numbers", t.flagValue(i), d)
		}
	}
	return ""
}

// exclusive finds, for a label of zeros and ones, columns beside it of which with
// it exactly one is 1 in every row; nil when there are none.
func (t *table) exclusive(c *choice, label int) []int {
	if !t.survey.columns[label].isBinary() || t.survey.rows < leastRows {
		return nil
	}
	union := slices.Clone(t.survey.columns[label].bits)
	union = append(union, make([]uint64, max(0, (t.survey.rows+63)/64-len(union)))...)
	group := []int{label}
	for i := range t.survey.columns {
		col := &t.survey.columns[i]
		if i == label || slices.Contains(c.dropped, i) || !col.isBinary() || overlap(union,
			col.bits) || onesIn(col.bits) == 0 {
			continue
		}
		for w, b := range col.bits {
			union[w] |= b
		}
		group = append(group, i)
	}
	if onesIn(union) != t.survey.rows {
		return nil
	}
	slices.Sort(group)
	return group
}

func overlap(a, b []uint64) bool {
	for i := range min(len(a), len(b)) {
		if a[i]&b[i] != 0 {
			return true
		}
	}
	return false
}

func onesIn(words []uint64) (n int) {
	for _, w := range words {
		n += bits.OnesCount64(w)
	}
	return n
}

// checkOneHot checks that of the label columns exactly one is 1 in every row.
func (t *table) checkOneHot(c *choice) error {
	ones := 0
	var union []uint64
	for _, i := range c.labels {
		col := &t.survey.columns[i]
		if !col.isBinary() || overlap(union, col.bits) {
			e := t.fail("%w: columns %s are no one-hot labels: %s is not 0 or 1, or 1 beside another", files.ErrLabel,
				t.places(c.labels), t.name(i))
			e.Hint = "give --label one column, or columns of which exactly one is 1 in every row"
			return e
		}
		ones += onesIn(col.bits)
		union = append(union, make([]uint64, max(0, len(col.bits)-len(union)))...)
		for w, b := range col.bits {
			union[w] |= b
		}
	}
	if ones != t.survey.rows {
		e := t.fail("%w: in %d rows none of the columns %s is 1", files.ErrLabel, t.survey.rows-ones, t.places(c.labels))
		e.Hint = "give --label one column, or columns of which exactly one is 1 in every row"
		return e
	}
	return nil
}

// places lists columns by number.
func (t *table) places(columns []int) string {
	var out []string
	for _, i := range columns {
		out = append(out, strconv.Itoa(i+1))
	}
	return strings.Join(out, ",")
}

// noLabel reports whether a word stands for a missing label; none and - can be
// classes.
func noLabel(text string) bool {
	return slices.Contains([]string{"?", "na", "n/a", "nan", "null", "#n/a", "<na>", "nat"}, strings.ToLower(text))
}

// Causes that want a hint of their own.
var (
	errNA       = errors.New("a word such as NA")
	errNoLabel  = fmt.Errorf("%w: it is missing", files.ErrLabel)
	errEncoding = fmt.Errorf("%w: not in UTF-8", files.ErrLabel)
)

// saveUTF8 is the hint for text of another encoding.
const saveUTF8 = "save the table as UTF-8"

// labelHint says what to do about a label.
func labelHint(err error) string {
	switch {
	case errors.Is(err, errNoLabel) && !errors.Is(err, errNA):
		return "remove the row or write its label"
	case errors.Is(err, errNoLabel):
		return "remove the row or write its label; --accept label-na takes a word such as NA for the name of a class"
	case errors.Is(err, errEncoding):
		return saveUTF8
	}
	return "name the column of the labels with --label, by its name or number"
}
