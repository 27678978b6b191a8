package files

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// labelNames are headers that say by themselves that a column holds labels.
var labelNames = []string{"label", "labels", "class", "target", "species", "category", "y"}

// columns is what the first lines of a table say of it.
type columns struct {
	count    int      // fields a row
	header   []string // names; nil without
	headed   bool     // the first line holds no values
	classes  []string // names of the classes; nil when labels name themselves
	rows     int      // rows announced; -1 when none are
	label    int
	features []int
	dropped  []int
}

// name is a column for people.
func (c *columns) name(i int) string {
	if i < len(c.header) && c.header[i] != "" {
		return c.header[i]
	}
	return "no name"
}

// understand decides what the first two rows are, second being nil when there
// is none, and which columns hold what.
func (c *columns) understand(first, second []string, opt TableOptions) error {
	c.rows = -1
	values := first
	switch {
	case second != nil && opt.Header == "" && c.announce(first, second):
		values = second
	case opt.Header == "yes" || opt.Header == "" && second != nil && isHeader(first, second):
		c.headed, c.header = true, trimmed(first)
		if values = second; values == nil {
			return &Error{Place: Whole, Err: fmt.Errorf("%w: no row after the header", ErrTruncated)}
		}
	case opt.Header != "" && opt.Header != "no":
		return &Error{Place: Whole, Err: fmt.Errorf("header is %q, want yes or no", opt.Header), Hint: "leave --header out to guess"}
	}
	c.count = len(values)
	if c.header != nil && len(c.header) != c.count {
		return &Error{Line: 1, Err: fmt.Errorf("%w: %d names over %d fields", ErrFormat, len(c.header), c.count), Hint: "name every column once"}
	}
	if err := c.drop(opt.Drop); err != nil {
		return err
	}
	if err := c.findLabel(values, opt.Label); err != nil {
		return err
	}
	for i := range c.count {
		if i != c.label && !slices.Contains(c.dropped, i) {
			c.features = append(c.features, i)
		}
	}
	if len(c.features) == 0 {
		return &Error{Line: 1, Err: fmt.Errorf("%w: no column of features", ErrFormat), Hint: "a table needs numbers and a column of labels"}
	}
	return nil
}

// announce recognises scikit-learn's first line: rows, features, class names.
func (c *columns) announce(first, second []string) bool {
	if len(first) < 4 {
		return false
	}
	rows, errRows := strconv.Atoi(first[0])
	features, errFeatures := strconv.Atoi(first[1])
	if errRows != nil || errFeatures != nil || rows < 1 || features != len(second)-1 {
		return false
	}
	names := trimmed(first[2:])
	for i, n := range names {
		if n == "" || slices.Contains(names[:i], n) || isNumber(n) && len(first) == len(second) {
			return false
		}
	}
	c.headed, c.rows, c.classes = true, rows, names
	return true
}

// isHeader reports whether a first row names columns: most of the columns that
// hold numbers below have none there, one is called label or the like, or it
// counts the columns as pandas does.
func isHeader(first, second []string) bool {
	if len(first) != len(second) {
		return false
	}
	numbers, words, counted := 0, 0, len(first) > 4
	for i, s := range first {
		if isLabelName(s) && !slices.Contains(second, s) {
			return true
		}
		if isNumber(second[i]) {
			numbers++
			if !isNumber(s) {
				words++
			}
		}
		counted = counted && s == strconv.Itoa(i)
	}
	return counted || 2*words > numbers
}

// drop leaves out what was asked for, and pandas' index of rows: a first column
// without a name among named ones.
func (c *columns) drop(asked []string) error {
	if c.count > 1 && c.header != nil && c.header[0] == "" && !slices.Contains(c.header[1:], "") {
		c.dropped = append(c.dropped, 0)
	}
	for _, a := range asked {
		i, err := c.find(a, "--drop")
		if err != nil {
			return err
		}
		c.dropped = append(c.dropped, i)
	}
	return nil
}

// findLabel chooses the column of the labels: the one asked for, else the one
// whose header says so, else the only one of text, else the last.
func (c *columns) findLabel(values []string, asked string) (err error) {
	if asked != "" {
		c.label, err = c.find(asked, "--label")
		return err
	}
	var named, text []int
	for i, v := range values {
		switch {
		case slices.Contains(c.dropped, i):
			continue
		case c.header != nil && isLabelName(c.header[i]):
			named = append(named, i)
		}
		if !isNumber(v) && !missing(v) {
			text = append(text, i)
		}
		c.label = i // the last one
	}
	switch {
	case c.classes != nil:
		c.label = c.count - 1
	case len(named) == 1:
		c.label = named[0]
	case len(text) == 1:
		c.label = text[0]
	case len(text) > 1:
		return &Error{Line: 1, Err: fmt.Errorf("%w: columns %d and %d are text, features must be numbers", ErrFormat, text[0]+1, text[1]+1),
			Hint: "name the column of the labels with --label, and leave others out with --drop; both take a name or a number"}
	}
	return nil
}

// find resolves a column by name, number from 1, or "last".
func (c *columns) find(asked, flag string) (int, error) {
	if i := slices.Index(c.header, asked); i >= 0 {
		return i, nil
	}
	if i := slices.IndexFunc(c.header, func(h string) bool { return strings.EqualFold(h, asked) }); i >= 0 {
		return i, nil
	}
	if asked == "last" {
		return c.count - 1, nil
	}
	i, err := strconv.Atoi(asked)
	if err != nil || i < 1 || i > c.count {
		known := fmt.Sprintf("give %s a number from 1 to %d", flag, c.count)
		if c.header != nil {
			known += ", or one of: " + joined(c.header)
		}
		return 0, &Error{Line: 1, Err: fmt.Errorf("%w: there is no column %s", ErrFormat, quoted(asked)), Hint: known}
	}
	return i - 1, nil
}

// how says what was understood.
func (c *columns) how() string {
	text := fmt.Sprintf("%d features; labels in column %d of %d", len(c.features), c.label+1, c.count)
	switch {
	case c.header != nil:
		text += fmt.Sprintf(" (%s)", c.name(c.label))
	case c.classes != nil:
		text += ", named by the first line"
	default:
		text += ", no header"
	}
	for i, d := range c.dropped {
		if i == 0 {
			text += "; left out:"
		}
		text += fmt.Sprintf(" column %d (%s)", d+1, c.name(d))
	}
	return text
}

// joined lists some names.
func joined(names []string) string {
	const most = 12
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", ..."
	}
	return strings.Join(names, ", ")
}

func isLabelName(s string) bool {
	return slices.Contains(labelNames, strings.ToLower(strings.TrimSpace(s)))
}

func isNumber(s string) bool {
	_, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	return err == nil
}

func trimmed(row []string) []string {
	out := make([]string, len(row))
	for i, s := range row {
		out[i] = strings.TrimSpace(s)
	}
	return out
}
